// Cached results after their time, and flights that their task run has left behind. A result that is a little older is
// not used any more; a flight of an ended task run is taken over by whoever asks: neither waits for this loop.
import type { Logger } from "pino";
import { Loop } from "../dispatch/loop.ts";

export interface CacheSweepStore {
  /** Deletes at most `limit` of each kind. Rows that another replica sweeps are skipped. */
  sweepCache(limit: number): Promise<{ readonly results: number; readonly flights: number }>;
}

const batchMax = 1_000;

export const cacheSweepLoop = (store: CacheSweepStore, log: Logger): Loop =>
  new Loop({
    name: "cache-sweep",
    everyMs: 60_000,
    log,
    round: async () => {
      const { results, flights } = await store.sweepCache(batchMax);
      return results === batchMax || flights === batchMax;
    },
  });
