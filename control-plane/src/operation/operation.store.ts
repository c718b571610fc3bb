// The port of operations to their rows.
import type { OperationAction, OperationView } from "@capstan/proto";
import type { Once, OnceKey } from "../http/once-key.ts";
import type { RunFilter } from "../run/run.store.ts";

/** What an operation does to each of its runs. */
export interface OperationOptions {
  readonly reason?: string | undefined;
  readonly force?: boolean | undefined;
  readonly mode?: "failed" | "all" | undefined;
  readonly version?: "same" | "latest" | undefined;
}

export interface NewOperation {
  readonly id: string;
  readonly action: OperationAction;
  readonly options: OperationOptions;
  readonly actor: string;
  /** Id of the user, for keys of what it starts. */
  readonly caller: string;
}

export interface SelectedRuns {
  readonly count: number;
  /** Names of the first ten, newest first. */
  readonly names: readonly string[];
}

export type OperationMade =
  | ({ readonly kind: "made"; readonly operation: string | null } & SelectedRuns)
  | ({ readonly kind: "count_changed" } & SelectedRuns)
  | { readonly kind: "too_many" };

/** One run that is to be acted on. */
export interface ClaimedRun {
  readonly projectId: string;
  readonly project: string;
  readonly operationId: string;
  readonly runId: string;
  readonly action: OperationAction;
  readonly options: OperationOptions;
  readonly actor: string;
  readonly caller: string;
}

export interface RunOutcome {
  readonly run: ClaimedRun;
  readonly outcome: "done" | "refused";
  readonly code?: string;
  readonly detail?: string;
}

export interface OperationStore {
  /** How many runs fit, counted to one more than `max`. */
  select(projectId: string, filter: RunFilter, max: number): Promise<SelectedRuns>;
  /** Decides which runs it is about, and writes it, with its audit record, in one transaction. */
  create(
    projectId: string,
    operation: NewOperation,
    choice: { readonly filter: RunFilter; readonly max: number; readonly expectCount: number | undefined },
    key: OnceKey | undefined,
  ): Promise<Once<OperationMade>>;
  find(projectId: string, id: string): Promise<OperationView | undefined>;
  /** Open runs of any project, claimed for `claimMs`; another replica takes over what is not settled by then. */
  claim(limit: number, claimMs: number): Promise<readonly ClaimedRun[]>;
  settle(outcomes: readonly RunOutcome[]): Promise<void>;
}
