// Events of projects, kept for 30 days and for as long as a run may still ask for them.
import type { Logger } from "pino";
import { Loop } from "../dispatch/loop.ts";

export interface EventSweepStore {
  /** Deletes at most `limit`; answers how many. Rows that another replica sweeps are skipped. */
  sweepEvents(limit: number): Promise<number>;
}

const batchMax = 5_000;
const hourMs = 3_600_000;

/** Once an hour: it reads the whole table. */
export const eventSweepLoop = (store: EventSweepStore, log: Logger): Loop =>
  new Loop({
    name: "event-sweep",
    everyMs: hourMs,
    log,
    round: async () => (await store.sweepEvents(batchMax)) === batchMax,
  });
