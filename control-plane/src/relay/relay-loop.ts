// The event log, read once for those outside it: triggers that listen to the ends of runs, and endpoints.
//  R1. The place in the log moves in the transaction that writes what follows from what was read. So each end of a run
//      fires each trigger once, whatever dies, and with any number of replicas: one reads, the others pass by.
//  R2. Only what is certainly over is read (`pg_snapshot_xmin`), so nothing comes in behind the place.
//  R3. Where nobody listens the log is not read. Who begins to listen sets the place, and keeps its row until it is there.
import type { Logger } from "pino";
import type { CommitSignals } from "../commit/commit-signals.ts";
import { Loop } from "../dispatch/loop.ts";
import { realScheduler, type Scheduler } from "../dispatch/scheduler.ts";
import type { RelayStore } from "./relay.store.ts";

const batchMax = 1_000;
/** Commits within this time are read together. */
const gatherMs = 25;

export function relayLoop(
  store: RelayStore,
  signals: CommitSignals,
  wakeSending: () => void,
  log: Logger,
  scheduler: Scheduler = realScheduler,
): Loop {
  let isListened = false;
  let isWoken = false;
  const loop = new Loop({
    scheduler,
    name: "relay",
    everyMs: 1_000,
    log,
    round: async () => {
      const relayed = await store.relay(batchMax);
      ({ isListened } = relayed);
      if (relayed.fired > 0) signals.tellDue();
      if (relayed.told > 0) wakeSending();
      return relayed.isFull;
    },
  });
  // Where nobody listens, commits are not followed by a look.
  signals.onHistory(() => {
    if (!isListened || isWoken) return;
    isWoken = true;
    scheduler.after(gatherMs, () => {
      isWoken = false;
      loop.wake();
    });
  });
  return loop;
}
