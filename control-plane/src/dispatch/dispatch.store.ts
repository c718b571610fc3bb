// The port of dispatch, leases and timers to their rows. Each statement takes a bounded batch and never waits for a row.
import type { JsonObject, RunState } from "@capstan/proto";
import type { TimerKind } from "../engine/event.ts";
import type { ClockSample } from "./database-clock.ts";
import type { LimitRef, LimitStates } from "../engine/limit.ts";
import type { Renewal } from "./leases.ts";
import type { Lane } from "./sessions.ts";

export interface WaitingTask {
  readonly projectId: string;
  readonly runId: string;
  readonly position: number;
  readonly avoid: readonly string[];
  readonly leaseMs: number;
  readonly pass: number;
}

/** A lane with waiting work, and the pass of the first that waits. */
export interface WaitingLane extends Lane {
  readonly pass: number;
}

export interface OverdueAttempt {
  readonly projectId: string;
  readonly runId: string;
  readonly position: number;
  readonly attemptId: string;
  readonly epoch: number;
}

export interface DueTimer {
  readonly projectId: string;
  readonly runId: string;
  readonly position: number;
  readonly kind: TimerKind;
  readonly body: JsonObject | undefined;
}

export interface DispatchStore {
  /** What limits have and what is held of them. A hint: the claim looks again under their locks. */
  limitStates(refs: readonly LimitRef[]): Promise<LimitStates>;
  /** Lanes that have waiting work, of all projects. */
  lanesWithWork(): Promise<readonly WaitingLane[]>;
  /**
   * Reserves the top waiting task runs of a lane by (priority, pass, run), at most `limit`, for a few seconds. Rows that
   * another replica holds are skipped. A reservation that is not used ends by itself. `level`: only of this level of
   * priority or a better one.
   */
  reserve(laneId: string, limit: number, level?: number): Promise<readonly WaitingTask[]>;
  /** The level of the first that waits in each lane; lanes in which nothing waits are left out. */
  laneHeads(laneIds: readonly string[]): Promise<ReadonlyMap<string, { readonly priority: number }>>;
  /** Raises what has waited by one level for each quarter of an hour, at most `limit` rows; answers how many. */
  raiseWaiting(limit: number): Promise<number>;
  /** Gives reservations back at once. */
  release(tasks: readonly WaitingTask[]): Promise<void>;
  /** Moves counted time on and answers the database's clocks. */
  tick(): Promise<ClockSample>;
  /** Renews sessions; answers those that were current. */
  renew(renewals: readonly Renewal[]): Promise<ReadonlySet<string>>;
  /** Live attempts whose lease and margin are over by counted time. */
  endedLeases(limit: number): Promise<readonly OverdueAttempt[]>;
  /** Live attempts that should have been stopped by their timeout long ago. */
  overdueBackstops(limit: number): Promise<readonly OverdueAttempt[]>;
  /** Workflows that are paused, of all projects. */
  pausedWorkflows(): Promise<readonly string[]>;
  /** Of each concurrency group that has room, the oldest runs that wait; none of a paused workflow. */
  admissibleRuns(limit: number): Promise<readonly { readonly projectId: string; readonly runId: string }[]>;
  dueTimers(limit: number): Promise<readonly DueTimer[]>;
  /** How the last run of the same workflow before this one ended; undefined where none has. */
  previousOutcome(projectId: string, runId: string): Promise<RunState | undefined>;
  /** Takes away a timer of a run that does not exist, unless a parent has asked for that run. */
  dropTimer(timer: DueTimer): Promise<void>;
  /** Runs whose deadline has passed and that are not being cancelled. */
  overdueRuns(limit: number): Promise<readonly { readonly projectId: string; readonly runId: string }[]>;
}
