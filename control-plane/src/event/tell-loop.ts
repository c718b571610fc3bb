// Custom events, told to the task runs that wait for them (docs/decisions/0036-events-are-told-after-they-are-kept.md), and
// to the triggers that listen (trigger/trigger-starter.ts).
//  T1. An event is committed before it is looked who waits. So a task that begins to wait is either seen here, or sees
//      the event when it looks back; both may happen, and the first that the engine takes counts.
//  T2. An event that was not told is a row that this loop finds, whatever happened to the request that brought it.
import type { JsonObject } from "@capstan/proto";
import type { Logger } from "pino";
import type { CommitSignals } from "../commit/commit-signals.ts";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import { Loop } from "../dispatch/loop.ts";
import { realScheduler, type Scheduler } from "../dispatch/scheduler.ts";
import type { EventStore } from "./event.store.ts";

const batchMax = 100;
const lookMax = 200;

export const tellLoop = (
  store: EventStore,
  signals: CommitSignals,
  log: Logger,
  scheduler: Scheduler = realScheduler,
): Loop =>
  new Loop({
    scheduler,
    name: "events",
    everyMs: 1000,
    log,
    round: async () => {
      const told = await store.tell(batchMax);
      if (told > 0) signals.tellDue();
      return told === batchMax;
    },
  });

/** What came before a task began to wait: the events that its timer `event:look` asks for. */
export async function lookBack(store: EventStore, timer: DueTimer): Promise<JsonObject> {
  const { type, sinceMs, afterSeq } = timer.body ?? {};
  const { bodies, lastSeq } = await store.since({
    projectId: timer.projectId,
    // Written by the engine, which wrote a text and two numbers.
    type: String(type),
    sinceMs: Number(sinceMs),
    afterSeq: Number(afterSeq),
    limit: lookMax,
  });
  return { events: bodies, ...(bodies.length === lookMax ? { afterSeq: lastSeq } : {}) };
}
