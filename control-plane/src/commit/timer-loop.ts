// Due timers and passed deadlines, as events. A timer's row goes in the commit that acts on it, so it fires once; a
// replica that dies in between leaves the row, and another one finds it. What one run hands over to another comes this
// way too (engine/hand-over.ts): the loop is woken by the commit that wrote the row, and looks for those of others.
import type { JsonObject } from "@capstan/proto";
import type { Logger } from "pino";
import { Loop } from "../dispatch/loop.ts";
import { realScheduler, type Scheduler } from "../dispatch/scheduler.ts";
import type { DispatchStore, DueTimer } from "../dispatch/dispatch.store.ts";
import type { RunEvent } from "../engine/event.ts";
import type { CommitSignals } from "./commit-signals.ts";
import type { Commit } from "./commit.ts";

const batchMax = 500;

export interface TimerLoopParts {
  readonly store: DispatchStore;
  readonly commit: Commit;
  readonly signals: CommitSignals;
  readonly log: Logger;
  /** Kinds for which more than the run's own rows is needed before the engine can decide. */
  readonly special?: ReadonlyMap<string, SpecialTimer>;
  readonly scheduler?: Scheduler;
}

/** What the engine is to be told; undefined where the timer's own work is done and the engine has nothing to decide. */
export type SpecialTimer = (timer: DueTimer) => Promise<JsonObject | undefined>;

export function timerLoop({
  store,
  commit,
  signals,
  log,
  special = new Map(),
  scheduler = realScheduler,
}: TimerLoopParts): Loop {
  const loop = new Loop({
    scheduler,
    name: "timers",
    everyMs: 250,
    log,
    round: async () => {
      const due = await store.dueTimers(batchMax);
      const done = await Promise.allSettled(due.map((timer) => fire({ store, commit, special }, timer)));
      const failed = done.filter((one) => one.status === "rejected");
      for (const { reason } of failed) log.warn({ err: reason }, "a timer could not be decided");
      // One that fails is looked at again and keeps no other back; where all fail, the database is away.
      if (failed.length > 0 && failed.length === due.length) throw failed[0]?.reason;
      return due.length === batchMax;
    },
  });
  signals.onDue(() => loop.wake());
  return loop;
}

async function fire(
  { store, commit, special }: Required<Pick<TimerLoopParts, "store" | "commit" | "special">>,
  timer: DueTimer,
): Promise<void> {
  const { position, kind } = timer;
  const prepare = special.get(kind);
  const body = prepare === undefined ? timer.body : await prepare(timer);
  if (prepare !== undefined && body === undefined) return;
  const event: RunEvent =
    kind === "recovery"
      ? { kind, previous: await store.previousOutcome(timer.projectId, timer.runId) }
      : { kind: "timer", position, timer: kind, ...(body === undefined ? {} : { body }) };
  const outcome = await commit.submit(timer.projectId, timer.runId, event);
  // A run is never deleted while it has timers: this one was asked for and taken back before it was made.
  if (outcome.kind === "not_found") await store.dropTimer(timer);
}

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
