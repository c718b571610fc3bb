// The rounds of the schedule loop. Any number of replicas make them; each tick becomes one run or one recorded reason.
//  L1. A round takes due schedules under their row locks, skipping those that another replica holds. In the same
//      transaction the next tick is written and each run that is asked for becomes a row of `timers`.
//  L2. The commit that makes the run deletes that row (commit-batch.sql B8); where it has gone, no run is made. So a
//      process that dies before the commit leaves the row, and after it nothing is left to do twice.
//  L3. The replica that took the tick starts its run at once. The row is due a little later: only where that replica died
//      does another one find it.
//  L4. A row that cannot be read is taken out with its reason and does not come again; the others go on.
import type { Logger } from "pino";
import { decideTicks } from "../engine/schedule.ts";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import { readSpec, scheduleName } from "./spec.ts";
import type { AskedStart, DecidedSchedule, DueScheduleRow, ScheduleStore } from "./schedule.store.ts";

const batchMax = 500;
/** A look this far ahead is made by a timer of its own, so that a tick does not wait for the poll. */
const aheadMs = 2_000;

export interface ScheduleRoundsParts {
  readonly store: ScheduleStore;
  readonly starter: { start(timer: DueTimer): Promise<unknown> };
  readonly newId: () => string;
  readonly log: Logger;
  /** Calls back after a time. */
  readonly after: (ms: number, wake: () => void) => unknown;
}

export class ScheduleRounds {
  private readonly parts: ScheduleRoundsParts;

  constructor(parts: ScheduleRoundsParts) {
    this.parts = parts;
  }

  /** True: there may be more. `wake` is called when the next is due, where that is soon. */
  async round(wake: () => void): Promise<boolean> {
    const taken = await this.parts.store.takeDue(batchMax, (row, nowMs) => this.decide(row, nowMs));
    const started = taken.starts.map((timer) =>
      this.parts.starter.start(timer).catch((error: unknown) => {
        // The row is still there, and the timers' loop tries again.
        this.parts.log.warn({ err: error, run: timer.runId }, "a scheduled run could not be started at once");
      }),
    );
    await Promise.all(started);
    const { nextInMs } = taken;
    if (nextInMs !== undefined && nextInMs <= aheadMs) this.parts.after(Math.max(1, nextInMs), wake);
    return taken.count === batchMax;
  }

  private decide(row: DueScheduleRow, nowMs: number): DecidedSchedule {
    try {
      return this.decided(row, nowMs);
    } catch (error) {
      const schedule = scheduleName(row.workflow, row.trigger);
      this.parts.log.error({ err: error, schedule, project: row.project }, "a schedule could not be read");
      const detail = error instanceof Error ? error.message.slice(0, 500) : "";
      const missed = [{ tickMs: row.nextTickMs, reason: "broken" as const, detail }];
      return { row, starts: [], missed, nextTickMs: undefined, nextDueMs: undefined };
    }
  }

  private decided(row: DueScheduleRow, nowMs: number): DecidedSchedule {
    const { spec, ticks } = readSpec(row.spec);
    const { starts, ...rest } = decideTicks(
      {
        name: scheduleName(row.workflow, row.trigger),
        schedule: spec.schedule,
        nextTickMs: row.nextTickMs,
        paused: row.isPaused ? "paused" : row.isWorkflowPaused ? "workflow_paused" : undefined,
        isGoing: row.isGoing,
        waiting: row.waiting,
      },
      ticks,
      nowMs,
    );
    const { overlap = "allow" } = spec.schedule;
    let earlier = row.isGoing ? row.lastRunId : undefined;
    // What an earlier tick was to cancel is cancelled by this one too: that one may never begin.
    let cancels: readonly string[] = row.isGoing ? row.lastCancels : [];
    const asked = starts.map((tick): AskedStart => {
      const runId = this.parts.newId();
      const before = earlier;
      earlier = runId;
      if (before !== undefined) cancels = [...cancels, before];
      return {
        runId,
        body: {
          project: row.project,
          workflowId: row.workflowId,
          workflow: row.workflow,
          trigger: row.trigger,
          digest: row.digest,
          ...tick,
          ...(before === undefined || overlap !== "queue" ? {} : { after: before }),
          ...(before === undefined || overlap !== "cancelRunning" ? {} : { cancels }),
        },
      };
    });
    return { row, starts: asked, ...rest };
  }
}
