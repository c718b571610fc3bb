// The port of schedules to their rows.
import type { MissReason } from "@capstan/proto";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import type { TickDecision } from "../engine/schedule.ts";

/** A schedule whose time has come, under its lock. */
export interface DueScheduleRow {
  readonly projectId: string;
  readonly project: string;
  readonly workflowId: string;
  readonly workflow: string;
  readonly trigger: string;
  readonly digest: string;
  /** Canonical JSON of its `ScheduleSpec`. */
  readonly spec: string;
  readonly nextTickMs: number;
  readonly isPaused: boolean;
  readonly isWorkflowPaused: boolean;
  readonly lastRunId: string | undefined;
  /** Where the run of its last tick is still to be made: the runs that are cancelled for it. */
  readonly lastCancels: readonly string[];
  readonly isGoing: boolean;
  readonly waiting: number;
}

/** A run that a tick asks for, as the row of `timers` that stands for it until it is made. */
export interface AskedStart {
  readonly runId: string;
  readonly body: StartBody;
}

/** What the row of `timers` carries; plain JSON. */
export type StartBody = {
  readonly project: string;
  readonly workflowId: string;
  readonly workflow: string;
  readonly trigger: string;
  readonly digest: string;
  readonly tickMs: number;
  readonly windowStartMs: number;
  /** It waits for the end of this run. */
  readonly after?: string;
  /** These runs are cancelled for it. */
  readonly cancels?: readonly string[];
};

export interface DecidedSchedule extends Pick<TickDecision, "missed" | "nextTickMs" | "nextDueMs"> {
  readonly row: DueScheduleRow;
  readonly starts: readonly AskedStart[];
}

export interface TakenSchedules {
  /** Rows that were due; as many as asked for: there may be more. */
  readonly count: number;
  readonly starts: readonly DueTimer[];
  /** Until the next is due; undefined where none is. */
  readonly nextInMs: number | undefined;
}

/** A schedule with what people ask of it. */
export interface ScheduleRecord {
  readonly workflow: string;
  readonly trigger: string;
  readonly digest: string;
  readonly spec: string;
  readonly nextTickMs: number | undefined;
  readonly dueMs: number | undefined;
  readonly lastTickMs: number | undefined;
  readonly lastRun: string | undefined;
  readonly pause: { readonly actor: string; readonly reason: string; readonly atMs: number } | undefined;
  readonly isWorkflowPaused: boolean;
}

export interface MissRecord {
  readonly tickMs: number;
  readonly reason: MissReason;
  readonly detail: string | undefined;
  readonly recordedMs: number;
}

export interface ScheduleStore {
  /**
   * Takes schedules that are due, at most `limit`, past those that another replica holds. In one transaction their next
   * tick is written, with a row of `timers` for each run and one for each tick that becomes none.
   */
  takeDue(limit: number, decide: (row: DueScheduleRow, nowMs: number) => DecidedSchedule): Promise<TakenSchedules>;
  /** Whether a run goes on, or is asked for and not yet made. */
  isGoing(projectId: string, runId: string): Promise<boolean>;
  /** Looks again after a while; the row of the start stays. */
  postpone(start: DueTimer, byMs: number): Promise<void>;
  /** The tick becomes no run: its start's row goes, and the reason is kept. False where the row has gone already. */
  refuse(start: DueTimer, reason: MissReason, detail?: string): Promise<boolean>;
  list(projectId: string, workflow?: string): Promise<readonly ScheduleRecord[]>;
  find(projectId: string, workflow: string, trigger: string): Promise<ScheduleRecord | undefined>;
  /** Newest first. */
  misses(
    projectId: string,
    schedule: { readonly workflow: string; readonly trigger: string },
    limit: number,
  ): Promise<readonly MissRecord[]>;
  /** With its audit record. Undefined where there is none; otherwise whether anything changed. */
  setPause(
    projectId: string,
    schedule: { readonly workflow: string; readonly trigger: string },
    pause: { readonly actor: string; readonly reason: string } | undefined,
    actor: string,
  ): Promise<boolean | undefined>;
}
