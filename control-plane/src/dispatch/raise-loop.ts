// What waits rises: one level of priority for each quarter of an hour, so that strict priority starves nobody.
import type { Logger } from "pino";
import type { DispatchStore } from "./dispatch.store.ts";
import { Loop } from "./loop.ts";

const batchMax = 5_000;

export const raiseLoop = (store: DispatchStore, log: Logger): Loop =>
  new Loop({
    name: "raise-waiting",
    everyMs: 60_000,
    log,
    round: async () => (await store.raiseWaiting(batchMax)) === batchMax,
  });
