// All that is swept by and by.
import type { Logger } from "pino";
import type { Loop } from "../dispatch/loop.ts";
import { cacheSweepLoop, type CacheSweepStore } from "./cache-sweep-loop.ts";
import { eventSweepLoop, type EventSweepStore } from "./event-sweep-loop.ts";
import { holdSweepLoop, type HoldSweepStore } from "./hold-sweep-loop.ts";
import { sweepLoop, type SweepStore } from "./sweep-loop.ts";

export const sweepLoops = (
  store: SweepStore & HoldSweepStore & CacheSweepStore & EventSweepStore,
  log: Logger,
): readonly Loop[] => [
  sweepLoop(store, log),
  holdSweepLoop(store, log),
  cacheSweepLoop(store, log),
  eventSweepLoop(store, log),
];
