// Lateness: marks that a run or a task passes without having started or ended. A mark is a flag and an event, runs the hooks
// `onLate`, and stops nothing.
//  L1. A mark is a timer, so a run that never starts is late too; whether it is passed is looked at when the timer fires.
//  L2. Each mark is passed once. The time of a pause is no time of the run; only `finishBy` is a time of day.
import { isTaskRunEnded, nextLocalTime, type RunSla } from "@capstan/proto";
import type { Draft } from "./draft.ts";
import type { EventOutcome } from "./event.ts";
import type { Run } from "./snapshot.ts";

export const lateMarks = ["startWithin", "maxDuration", "finishBy"] as const;
export type LateMark = (typeof lateMarks)[number];

const timerOf = { startWithin: "late_start", maxDuration: "late_duration", finishBy: "late_finish" } as const;

/** Sets the timers of a run's marks: when it is made, and again after each pause. */
export function setRunMarks(draft: Draft): void {
  const { run } = draft;
  const { sla } = run.plan.document;
  if (sla === undefined) return;
  for (const mark of lateMarks) {
    const dueMs = run.late?.includes(mark) === true ? undefined : dueOf(run, sla, mark);
    if (dueMs !== undefined) draft.setTimer(-1, timerOf[mark], dueMs);
  }
}

function dueOf(run: Pick<Run, "createdMs" | "startedMs" | "pause">, sla: RunSla, mark: LateMark): number | undefined {
  const pausedMs = run.pause?.totalMs ?? 0;
  switch (mark) {
    case "startWithin":
      return sla.startWithinMs === undefined ? undefined : run.createdMs + sla.startWithinMs + pausedMs;
    case "maxDuration":
      return sla.maxDurationMs === undefined || run.startedMs === undefined
        ? undefined
        : run.startedMs + sla.maxDurationMs + pausedMs;
    case "finishBy":
      return sla.finishBy === undefined ? undefined : nextLocalTime(run.createdMs, sla.finishBy, sla.timezone ?? "UTC");
  }
}

/** When a run has ended: no mark is passed any more. */
export function forgetRunMarks(draft: Draft): void {
  const { sla } = draft.run.plan.document;
  if (sla === undefined) return;
  for (const mark of lateMarks) {
    const isAsked = mark === "finishBy" ? sla.finishBy : sla[`${mark}Ms`];
    if (isAsked !== undefined) draft.clearTimer(-1, timerOf[mark]);
  }
}

/** A mark's timer fired: the run, or the task run, is late if it has not done what the mark says. */
export function passMark(draft: Draft, position: number, mark: LateMark): EventOutcome {
  return position < 0 ? passRunMark(draft, mark) : passTaskMark(draft, position, mark);
}

function passRunMark(draft: Draft, mark: LateMark): EventOutcome {
  const { run } = draft;
  if (run.endedMs !== undefined || run.late?.includes(mark) === true) return { kind: "duplicate" };
  if (run.state === "paused" && mark !== "finishBy") return { kind: "accepted" }; // set again when it goes on
  if (mark === "startWithin" && draft.hasStarted()) return { kind: "accepted" };
  run.late = [...(run.late ?? []), mark];
  draft.tell({ type: "run.late", reason: mark });
  draft.callHooks(-1, "onLate");
  return { kind: "accepted" };
}

function passTaskMark(draft: Draft, position: number, mark: LateMark): EventOutcome {
  const task = draft.task(position);
  const late = task?.flags?.late ?? [];
  if (task === undefined || isTaskRunEnded(task.state) || late.includes(mark)) return { kind: "duplicate" };
  if (draft.run.state === "paused") return { kind: "accepted" };
  if (mark === "startWithin" && task.startedMs !== undefined) return { kind: "accepted" };
  draft.set(position, { flags: { ...task.flags, late: [...late, mark] } });
  draft.tell({ type: "run.late", task: draft.planTask(position).key, reason: mark });
  draft.callHooks(position, "onLate");
  return { kind: "accepted" };
}
