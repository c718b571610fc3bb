// Holds of limits that count no more: shares of rates after their window. And the proof that no other kind is left over:
// a hold goes with the attempt that took it, in one statement, so an orphaned one is a fault of ours. It is freed and told.
import type { Logger } from "pino";
import { Loop } from "../dispatch/loop.ts";

export interface HoldSweepStore {
  /** Deletes at most `limit` of each kind. Rows that another replica sweeps are skipped. */
  sweepHolds(limit: number): Promise<{ readonly over: number; readonly orphaned: number }>;
}

const batchMax = 5_000;

export const holdSweepLoop = (store: HoldSweepStore, log: Logger): Loop =>
  new Loop({
    name: "hold-sweep",
    everyMs: 15_000,
    log,
    round: async () => {
      const { over, orphaned } = await store.sweepHolds(batchMax);
      if (orphaned > 0) log.error({ orphaned }, "limits were held by attempts that do not live; freed");
      return over === batchMax;
    },
  });
