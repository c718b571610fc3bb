// Due timers and passed deadlines, as events. A timer's row goes in the commit that acts on it, so it fires once; a
// replica that dies in between leaves the row, and another one finds it.
import type { Logger } from "pino";
import { Loop } from "../dispatch/loop.ts";
import { realScheduler, type Scheduler } from "../dispatch/scheduler.ts";
import type { DispatchStore } from "../dispatch/dispatch.store.ts";
import type { RunEvent } from "../engine/event.ts";
import type { Commit } from "./commit.ts";

const batchMax = 500;

export const timerLoop = (
  store: DispatchStore,
  commit: Commit,
  log: Logger,
  scheduler: Scheduler = realScheduler,
): Loop =>
  new Loop({
    scheduler,
    name: "timers",
    everyMs: 250,
    log,
    round: async () => {
      const due = await store.dueTimers(batchMax);
      await Promise.all(
        due.map(async ({ projectId, runId, position, kind }) => {
          const event: RunEvent =
            kind === "recovery"
              ? { kind, previous: await store.previousOutcome(projectId, runId) }
              : { kind: "timer", position, timer: kind };
          return commit.submit(projectId, runId, event);
        }),
      );
      return due.length === batchMax;
    },
  });

export const deadlineLoop = (
  store: DispatchStore,
  commit: Commit,
  log: Logger,
  scheduler: Scheduler = realScheduler,
): Loop =>
  new Loop({
    scheduler,
    name: "deadlines",
    everyMs: 1000,
    log,
    round: async () => {
      const overdue = await store.overdueRuns(batchMax);
      await Promise.all(overdue.map((run) => commit.submit(run.projectId, run.runId, { kind: "deadline" })));
      return overdue.length === batchMax;
    },
  });
