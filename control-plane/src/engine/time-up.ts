// Timers of a task run's own time, when they fire: it waited too long for an agent, or took too long in all.
import { isTaskRunEnded } from "@capstan/proto";
import type { Draft } from "./draft.ts";
import type { EventOutcome } from "./event.ts";
import { stopTask } from "./run-machine.ts";
import { failTask } from "./task-machine.ts";
import { timeUpFailure } from "./time-up-failure.ts";

/** Ends a task run whose time is up, or stops its attempt first. In a paused run the clock stands still. */
export function timeUp(draft: Draft, position: number, which: "total" | "queue" | "poll"): EventOutcome {
  const task = draft.task(position);
  if (task === undefined || isTaskRunEnded(task.state) || task.state === "cancelling") return { kind: "duplicate" };
  // Its timers are set when it is queued, so the snapshot is an old one: the commit is refused, and a new one says more.
  if (task.state === "waiting") return { kind: "duplicate" };
  if (draft.run.state === "paused") return { kind: "accepted" };
  if (which === "queue" && task.state !== "queued" && task.state !== "dispatched") return { kind: "duplicate" };
  if (task.state === "retrying") draft.clearTimer(position, "retry");
  if (task.state === "suspended") draft.clearTimer(position, "suspended");
  if (task.live === undefined) failTask(draft, position, timeUpFailure(draft.planTask(position), which));
  else stopTask(draft, position, which);
  return { kind: "accepted" };
}
