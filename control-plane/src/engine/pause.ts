// Pause: nothing new is dispatched, what runs goes on, and the run's clock stands still.
//  P1. While a run is paused none of its task runs becomes ready: what would be queued is held, with the reason
//      `run_paused` and without a row in the queue.
//  P2. The deadline moves by the length of the pause, so a pause costs a run none of its time.
//  P3. A paused run does not end. What ends it (its last task run has ended) is looked at when it goes on.
import { tellChildren } from "./child.ts";
import type { Draft } from "./draft.ts";
import type { EventOutcome } from "./event.ts";
import { setRunMarks } from "./late.ts";
import { asksCache, type TaskRun } from "./snapshot.ts";
import { shiftTimers } from "./task-timers.ts";

/** The pauses of a run: how long they were together, and the one that goes on. */
export interface RunPause {
  /** Length of the pauses that are over. */
  readonly totalMs: number;
  readonly current?: {
    readonly actor: string;
    readonly reason: string;
    readonly atMs: number;
    /** What the run goes back to. */
    readonly from: "queued" | "running";
  };
}

/** Reasons of what is in no queue already: a person wakes it, or a timer, which finds the run paused. */
const notInQueue: ReadonlySet<string> = new Set(["parked", "dispatch_backoff"]);

/** True where a task run is queued, but not in the queue, because its run is paused. */
export const isHeld = (task: TaskRun): boolean => task.state === "queued" && task.reason?.code === "run_paused";

/** Pauses a run. Repeats are harmless; a run that has ended or is being cancelled refuses. */
export function pauseRun(draft: Draft, by: { readonly actor: string; readonly reason: string }): EventOutcome {
  const { run } = draft;
  if (run.state === "paused") return { kind: "duplicate" };
  if (run.state !== "queued" && run.state !== "running") return cannot(draft, "paused");
  const from = run.state;
  draft.moveRun("paused", {
    pause: { totalMs: run.pause?.totalMs ?? 0, current: { ...by, atMs: draft.around.nowMs, from } },
  });
  tellChildren(draft, "parent_pause", { actor: by.actor, reason: by.reason });
  draft.tell({ type: "run.paused", from, to: "paused", actor: by.actor, reason: by.reason });
  for (const task of draft.openTasks()) {
    // One that asks the cache is in no queue either; it is held when it has its answer.
    if (task.state === "queued" && !notInQueue.has(task.reason?.code ?? "") && !asksCache(task))
      hold(draft, task.position);
  }
  return { kind: "accepted" };
}

/** Lets a run go on. Repeats are harmless; a run that has ended or is being cancelled refuses. */
export function resumeRun(draft: Draft, actor: string): EventOutcome {
  const { run } = draft;
  if (run.state === "queued" || run.state === "running") return { kind: "duplicate" };
  const current = run.pause?.current;
  if (run.state !== "paused" || current === undefined) return cannot(draft, "resumed");
  const lengthMs = Math.max(0, draft.around.nowMs - current.atMs);
  draft.moveRun(current.from, {
    pause: { totalMs: (run.pause?.totalMs ?? 0) + lengthMs },
    deadlineMs: run.deadlineMs + lengthMs,
  });
  tellChildren(draft, "parent_resume", { actor });
  draft.tell({ type: "run.resumed", from: "paused", to: current.from, actor });
  for (const task of draft.openTasks()) shiftTimers(draft, task, lengthMs);
  setRunMarks(draft);
  releaseHeld(draft);
  return { kind: "accepted" };
}

/** Makes ready what was held: all of it, or what `which` says. */
export function releaseHeld(draft: Draft, which: (position: number) => boolean = () => true): void {
  for (const task of draft.openTasks()) {
    if (!isHeld(task) || !which(task.position)) continue;
    draft.set(task.position, { reason: undefined, queuedMs: draft.around.nowMs });
    draft.ready.push(task.position);
  }
}

/** Ends the pause of a run that is being cancelled; the time of its pauses is kept. */
export function endPause(draft: Draft): void {
  const { pause } = draft.run;
  if (pause?.current === undefined) return;
  draft.run.pause = { totalMs: pause.totalMs + Math.max(0, draft.around.nowMs - pause.current.atMs) };
}

/** Keeps a queued task run from being offered until its run goes on. */
export function hold(draft: Draft, position: number): void {
  draft.set(position, { reason: { code: "run_paused" } });
  const at = draft.ready.indexOf(position);
  if (at >= 0) draft.ready.splice(at, 1);
}

function cannot(draft: Draft, what: "paused" | "resumed"): EventOutcome {
  const { state } = draft.run;
  return {
    kind: "refused",
    code: "state_conflict",
    detail: `the run is ${state}; it cannot be ${what}`,
    state,
  };
}
