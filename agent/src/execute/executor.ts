// The port between a runner and what it runs: one executor per kind of action (`run python node http sql notify`).
//  X1. Executors live in the runner process, so a dead agent stops nothing.
//  X2. Every secret value is registered with `mask` before the first byte of output can exist.
//  X3. An executor starts no process and kills none: it says what is to be started, and the runner owns its tree,
//      its pipes, its log and its end (timeout, cancel, lease).
import type { FilePlaces } from "../workspace/kept-data.ts";
import type { CanonicalTask, CanonicalWorkflow, Failure, JsonObject, OfferedAttempt } from "@capstan/proto";

export interface ExecutorContext extends FilePlaces {
  /** `attempt.inputs` is the expression context `{ inputs, run, tasks, item?, index? }`. */
  readonly attempt: OfferedAttempt;
  readonly document: CanonicalWorkflow;
  /** `taskOf(document, attempt.task)`. */
  readonly task: CanonicalTask;
  /** The packed code bundle on local disk with its digest, or undefined where the version has none. */
  readonly bundle: { readonly path: string; readonly sha256: string } | undefined;
  /** A folder of this attempt alone for small files: exists, empty, 0700; in memory where possible. Removed at the end. */
  readonly attemptDir: string;
  /** A folder of this attempt alone on disk, with an empty `work` in it, both 0700. Removed at the end. */
  readonly spaceDir: string;
  /** Registers secret values; from now on they are masked in the log (in every form of docs/protocol.md, "Masking"). */
  readonly mask: (values: readonly (string | Uint8Array)[]) => void;
  /** Writes a line of Capstan's own (`s`) into the attempt's log. */
  readonly note: (text: string) => void;
  /** Aborted by cancel, timeout and the end of the lease; stop preparing at once. */
  readonly signal: AbortSignal;
}

/** What an executor says about the end. The runner turns it into `timed_out`, `cancelled` or `lost` where it stopped it. */
export interface Finished {
  readonly outcome: "succeeded" | "failed";
  /** Present iff failed. */
  readonly failure?: Failure;
  readonly skip?: boolean;
  readonly outputs?: JsonObject;
  readonly summary?: string;
  readonly exitCode?: number;
  readonly signal?: string;
  /** The task's own word about another try; leave out where it said nothing. */
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
}

export interface ProcessExit {
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  /** True where the memory limit of the attempt's cgroup killed a process. */
  readonly oom: boolean;
  /** Why the runner stopped it, or undefined where it ended by itself. */
  readonly stopped: "cancelled" | "timeout" | "lease_over" | undefined;
}

/** An interpreter that may carry this attempt among others, instead of a process of its own. */
export interface WarmStart {
  /** Equal for attempts that may share one. */
  readonly key: string;
  /** Starts it; the path of its socket follows. */
  readonly argv: readonly [string, ...string[]];
  /** Its environment at the start: nothing of an attempt. Each attempt brings its own. */
  readonly env: Readonly<Record<string, string>>;
  /** What the interpreter is told besides environment and folder. */
  readonly order: Readonly<Record<string, string>>;
}

export type Prepared =
  | {
      readonly kind: "process";
      /** Never a shell line: a program (absolute, or looked up in `env.PATH`) and its arguments. No secret in it. */
      readonly argv: readonly [string, ...string[]];
      /** The whole environment, nothing is inherited. The runner adds CAPSTAN_ATTEMPT_ID and CAPSTAN_EPOCH. */
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string;
      readonly stdin?: string | Uint8Array;
      /** The file of `CAPSTAN_EVENTS`; the runner follows it. */
      readonly eventsFile?: string;
      /** The file of `CAPSTAN_CANCEL`; the runner writes it (temporary file, rename) before it signals. */
      readonly cancelFile?: string;
      /** Where the attempt may run warm. The runner may still run it cold. */
      readonly warm?: WarmStart | undefined;
      /** Reads outputs, error, summary. Called once, when the tree is proven empty. Must not throw for bad outputs. */
      readonly collect: (exit: ProcessExit) => Promise<Finished>;
    }
  | {
      readonly kind: "inProcess";
      /** Runs inside the runner (http, notify). Must end soon after `signal` aborts. `log` is the attempt's stdout. */
      readonly run: (signal: AbortSignal, log: (text: string) => void) => Promise<Finished>;
    }
  | { readonly kind: "failed"; readonly failure: Failure; readonly retryable?: boolean };

export interface Executor {
  /**
   * Makes folder, files, environment and secrets of an attempt ready. User code has not begun: a failure of class
   * `setup` is tried again for free, elsewhere first. What it throws counts as `setup`.
   */
  prepare(context: ExecutorContext): Promise<Prepared>;
  /** Called once after the end, also after a failed `prepare`, before `attemptDir` is removed. Must not throw. */
  release?(context: ExecutorContext): void | Promise<void>;
}

/** Executors by kind of action. `execute/kind/index.ts` exports the product's as `executors`. */
export type Executors = Readonly<Partial<Record<string, Executor>>>;
