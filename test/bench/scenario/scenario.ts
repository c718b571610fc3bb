import type { AgentSpec, Stack } from "../stack.ts";
import type { Outcome } from "../measure.ts";

export interface Options {
  /** Length of one repetition of a rate, seconds. */
  readonly secs: number;
}

/** One row of the table: what is done, and which figure it is judged by. */
export interface Row {
  readonly name: string;
  /** The figure in the table, with its unit: `tasksPerSecond`. */
  readonly figure: string;
  readonly unit: string;
  /** Least acceptable (or greatest, for times), and the goal of the design. */
  readonly floor?: number;
  readonly goal?: number;
  readonly better: "more" | "less";
  /** Before the first repetition, not counted; without it the work is done once. */
  readonly warmUp?: (stack: Stack) => Promise<void>;
  readonly work: (stack: Stack, options: Options) => Promise<Outcome>;
}

export interface Scenario {
  readonly name: string;
  readonly agents: readonly AgentSpec[];
  /** Workflows that it runs, by file name. */
  readonly workflows: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}
