// The port of the commit stage to its rows.
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

export interface FoundAttempt {
  readonly attemptId: string;
  readonly runId: string;
  readonly position: number;
}

export interface CommitStore {
  /**
   * Writes a batch whole for each run it accepts. Answers the runs that were accepted, with the number of each new one.
   * @throws what isUnavailable() knows where the database could not be reached: the outcome is then unknown
   */
  write(rows: BatchRows): Promise<ReadonlyMap<string, number | undefined>>;
  /** Snapshots of runs; runs that do not exist are left out. */
  loadRuns(keys: readonly RunKey[]): Promise<readonly Run[]>;
  findKeys(
    keys: readonly { readonly projectId: string; readonly caller: string; readonly key: string }[],
  ): Promise<readonly FoundKey[]>;
  /** Runs of attempts that belong to the agent. */
  findAttempts(projectId: string, agentId: string, attemptIds: readonly string[]): Promise<readonly FoundAttempt[]>;
  /** Makes an edition known, so that loading its runs needs no further query. */
  remember(edition: WorkflowEdition): void;
  /** Pool ids by name, for one project. */
  pools(projectId: string): Promise<ReadonlyMap<string, string>>;
}
