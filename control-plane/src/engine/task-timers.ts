// Timers of a task run that its author asked for: how long it may wait, how long it may take in all, when it is late. Most
// tasks have none, and then nothing here costs anything (`PlanTask.isTimed`).
import type { Draft } from "./draft.ts";
import type { TimerKind } from "./event.ts";
import type { PlanTask } from "./plan.ts";
import { taskAt, type TaskRun } from "./snapshot.ts";

const kinds = [
  "queue_timeout",
  "timeout_total",
  "poll_timeout",
  "late_start",
  "late_duration",
] as const satisfies readonly TimerKind[];

/** When a task run is queued, for the first time or again. */
export function timeQueued(draft: Draft, position: number): void {
  const planTask = draft.planTask(position);
  if (!planTask.isTimed) return;
  const { nowMs } = draft.around;
  const { queueTimeoutMs, timeoutTotalMs, task } = planTask;
  if (queueTimeoutMs !== undefined) draft.setTimer(position, "queue_timeout", nowMs + queueTimeoutMs);
  const run = draft.task(position);
  if (run?.times !== undefined) return;
  const startWithinMs = task.sla?.startWithinMs;
  const totalMs = timeoutTotalMs === undefined ? undefined : nowMs + timeoutTotalMs;
  const startMs = startWithinMs === undefined ? undefined : nowMs + startWithinMs;
  const pollMs = planTask.poll?.timeoutMs === undefined ? undefined : nowMs + planTask.poll.timeoutMs;
  draft.set(position, {
    times: {
      ...(totalMs === undefined ? {} : { totalMs }),
      ...(startMs === undefined ? {} : { startMs }),
      ...(pollMs === undefined ? {} : { pollMs }),
    },
  });
  if (totalMs !== undefined) draft.setTimer(position, "timeout_total", totalMs);
  if (pollMs !== undefined) draft.setTimer(position, "poll_timeout", pollMs);
  if (startMs !== undefined) draft.setTimer(position, "late_start", startMs);
}

/** When an attempt of it has started. */
export function timeStarted(draft: Draft, position: number): void {
  const planTask = draft.planTask(position);
  if (!planTask.isTimed) return;
  if (planTask.queueTimeoutMs !== undefined) draft.clearTimer(position, "queue_timeout");
  const task = draft.task(position);
  const maxDurationMs = planTask.task.sla?.maxDurationMs;
  if (task === undefined || maxDurationMs === undefined || task.times?.durationMs !== undefined) return;
  const durationMs = (task.startedMs ?? draft.around.nowMs) + maxDurationMs;
  draft.set(position, { times: { ...task.times, durationMs } });
  draft.setTimer(position, "late_duration", durationMs);
}

/**
 * When a hook leaves the queue, whoever takes it out. Its timer is set when it comes there (`commit/direct-offer.ts`), so
 * only what was queued before this decision can have one.
 */
export function endHookWait(draft: Draft, position: number): void {
  if (draft.planTask(position).hook === undefined || draft.before === undefined) return;
  if (taskAt(draft.before, position)?.state === "queued") draft.clearTimer(position, "queue_timeout");
}

/** When it has ended: none of its timers means anything any more. */
export function forgetTimers(draft: Draft, position: number): void {
  const planTask = draft.planTask(position);
  endHookWait(draft, position);
  if (!planTask.isTimed) return;
  for (const kind of kinds) if (isAsked(planTask, kind)) draft.clearTimer(position, kind);
}

function isAsked({ queueTimeoutMs, timeoutTotalMs, task, poll }: PlanTask, kind: (typeof kinds)[number]): boolean {
  switch (kind) {
    case "queue_timeout":
      return queueTimeoutMs !== undefined;
    case "timeout_total":
      return timeoutTotalMs !== undefined;
    case "poll_timeout":
      return poll?.timeoutMs !== undefined;
    case "late_start":
      return task.sla?.startWithinMs !== undefined;
    case "late_duration":
      return task.sla?.maxDurationMs !== undefined;
  }
}

/** After a pause: every time that was to come, comes later by its length. */
export function shiftTimers(draft: Draft, task: TaskRun, byMs: number): void {
  const { position } = task;
  const planTask = draft.planTask(position);
  if (!planTask.isTimed) return;
  const late = task.flags?.late ?? [];
  const times = shifted(task.times ?? {}, byMs);
  draft.set(position, { times });
  if (times.totalMs !== undefined) draft.setTimer(position, "timeout_total", times.totalMs);
  if (times.pollMs !== undefined) draft.setTimer(position, "poll_timeout", times.pollMs);
  if (times.startMs !== undefined && task.startedMs === undefined && !late.includes("startWithin"))
    draft.setTimer(position, "late_start", times.startMs);
  if (times.durationMs !== undefined && !late.includes("maxDuration"))
    draft.setTimer(position, "late_duration", times.durationMs);
  // The wait for an agent begins anew: what was queued in the pause has waited for nobody.
  if (planTask.queueTimeoutMs !== undefined && (task.state === "queued" || task.state === "dispatched"))
    draft.setTimer(position, "queue_timeout", draft.around.nowMs + planTask.queueTimeoutMs);
}

const shifted = (times: NonNullable<TaskRun["times"]>, byMs: number): NonNullable<TaskRun["times"]> =>
  Object.fromEntries(Object.entries(times).map(([name, atMs]) => [name, Number(atMs) + byMs]));
