// Makes runs that have ended findable: follows the event log and writes what each is searched by. Beside the path of a run,
// and slow on purpose: a search that is behind by seconds costs nobody anything, a machine that is busy with it does.
import type { Logger } from "pino";
import { Loop } from "../dispatch/loop.ts";
import { realScheduler, type Scheduler } from "../dispatch/scheduler.ts";

export interface SearchStore {
  /** Follows the event log by at most `limit` entries; answers how many there were. None where another replica is at it. */
  follow(limit: number): Promise<number>;
}

const batchMax = 2_000;
/** While it is behind it works a tenth of the time. */
const restFor = 9;

export function searchLoop(store: SearchStore, log: Logger, scheduler: Scheduler = realScheduler): Loop {
  const loop: Loop = new Loop({
    scheduler,
    name: "search",
    everyMs: 1_000,
    log,
    round: async () => {
      const from = scheduler.nowMs();
      const seen = await store.follow(batchMax);
      const rest = Math.min(1_000, restFor * (scheduler.nowMs() - from));
      if (seen === batchMax) scheduler.after(rest, () => loop.wake());
      return false;
    },
  });
  return loop;
}
