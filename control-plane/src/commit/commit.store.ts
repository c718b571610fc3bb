// The port of the commit stage to its rows.
import type { GroupState } from "../engine/concurrency.ts";
import type { LimitRef, LimitStates } from "../engine/limit.ts";
import type { Run } from "../engine/snapshot.ts";
import type { BatchRows } from "./batch.ts";
import type { WorkflowEdition } from "./commit.ts";

export interface RunKey {
  readonly projectId: string;
  readonly runId: string;
}

export interface FoundKey {
  readonly projectId: string;
  readonly caller: string;
  readonly key: string;
  readonly requestSha256: string;
  readonly runId: string | undefined;
}

/** A dedupe key that a start was refused for, with the idempotency key of that start. */
export interface AskedDedupe {
  readonly projectId: string;
  readonly workflowId: string;
  readonly key: string;
  readonly idempotency: { readonly caller: string; readonly key: string; readonly requestSha256: string } | undefined;
}

export interface FoundAttempt {
  readonly attemptId: string;
  readonly runId: string;
  readonly position: number;
}

/** A concurrency group, and the first of the runs that go on. */
export interface HeldGroup extends GroupState {
  readonly holders: readonly string[];
}

export interface CommitStore {
  /**
   * Writes a batch whole for each run it accepts. Answers the runs that were accepted, with the number of each new one.
   * @throws what isUnavailable() knows where the database could not be reached: the outcome is then unknown
   */
  write(rows: BatchRows): Promise<ReadonlyMap<string, number | undefined>>;
  /**
   * Decides and writes under the locks of limits: nobody else takes of them before `work` has been committed. What is
   * freed meanwhile may be seen or not. `work` writes one batch by the function it is given, or nothing.
   */
  withLimits<T>(
    refs: readonly LimitRef[],
    work: (states: LimitStates, write: CommitStore["write"]) => Promise<T>,
  ): Promise<T>;
  /** Decides and writes the start or the admission of one run under the lock of its concurrency group. */
  withGroup<T>(ref: LimitRef, work: (state: HeldGroup, write: CommitStore["write"]) => Promise<T>): Promise<T>;
  /** Snapshots of runs; runs that do not exist are left out. */
  loadRuns(keys: readonly RunKey[]): Promise<readonly Run[]>;
  findKeys(
    keys: readonly { readonly projectId: string; readonly caller: string; readonly key: string }[],
  ): Promise<readonly FoundKey[]>;
  /**
   * The run that goes on for each of the dedupe keys, undefined where none does. An idempotency key that comes with it
   * stands for that run from then on. A key whose run was never made is free afterwards.
   */
  findDedupes(asked: readonly AskedDedupe[]): Promise<readonly (string | undefined)[]>;
  /** Runs of attempts that belong to the agent. */
  findAttempts(projectId: string, agentId: string, attemptIds: readonly string[]): Promise<readonly FoundAttempt[]>;
  /** Makes an edition known, so that loading its runs needs no further query. */
  remember(edition: WorkflowEdition): void;
  /** Pool ids by name, for one project. */
  pools(projectId: string): Promise<ReadonlyMap<string, string>>;
}
