import { Loop } from "./dispatch/loop.ts";
import { realScheduler, type Scheduler } from "./dispatch/scheduler.ts";
import type { Log } from "./telemetry/log.ts";
import { ScheduleRounds } from "./schedule/schedule-rounds.ts";
import type { ScheduleStore } from "./schedule/schedule.store.ts";
import type { TickStarter } from "./schedule/tick-starter.ts";

/** Every replica has one. A tick that is near wakes it, so that it does not wait for the poll. */
export function scheduleLoop(
  store: ScheduleStore,
  starter: TickStarter,
  newId: () => string,
  log: Log,
  scheduler: Scheduler = realScheduler,
): Loop {
  const rounds = new ScheduleRounds({ store, starter, newId, log, after: scheduler.after });
  const loop: Loop = new Loop({
    scheduler,
    name: "schedules",
    everyMs: 500,
    log,
    round: () => rounds.round(() => loop.wake()),
  });
  return loop;
}
