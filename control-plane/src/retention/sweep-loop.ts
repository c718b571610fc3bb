// Rows that were kept for a time and are over: idempotency keys after 24 hours, dedupe keys whose run has ended, used
// connection proofs after five minutes, reasons of missed ticks after 30 days.
// A key that is a little older still answers; nobody is promised that it does not.
import type { Logger } from "pino";
import { Loop } from "../dispatch/loop.ts";

export interface SweepStore {
  /** Deletes at most `limit` of each kind. Rows that another replica sweeps are skipped. */
  sweep(limit: number): Promise<{ readonly keys: number; readonly proofs: number }>;
}

const batchMax = 5_000;

export const sweepLoop = (store: SweepStore, log: Logger): Loop =>
  new Loop({
    name: "sweep",
    everyMs: 60_000,
    log,
    round: async () => {
      const { keys, proofs } = await store.sweep(batchMax);
      return keys === batchMax || proofs === batchMax;
    },
  });
