// The run: how it starts, is cancelled, runs out of time, and what it ends as (docs/language.md, "Cancel and time's up"
// and "Outcome of a run").
import { isTaskRunEnded, type JsonObject, type RunState } from "@capstan/proto";
import { keepAgain, keptAgain, type Again } from "./again.ts";
import { runOutputs } from "./context.ts";
import { cancelChild, parentOf, tellParent } from "./child.ts";
import { Draft, type Surroundings } from "./draft.ts";
import type { EventOutcome } from "./event.ts";
import { reuseGroup, settleGroups, stopGroup } from "./mapping.ts";
import { startCalledHooks, startHooks } from "./hooks.ts";
import { forgetRunMarks, setRunMarks } from "./late.ts";
import { endMarked } from "./marked.ts";
import { endPause, pauseRun, releaseHeld } from "./pause.ts";
import { endSuspension } from "./suspended.ts";
import type { Plan } from "./plan.ts";
import type { Cancel, Run, RunFailure, TaskRun } from "./snapshot.ts";
import { consider, endTask, newTaskRun, settleSuccessors } from "./task-machine.ts";
import type { TimeUp } from "./time-up-failure.ts";

export interface NewRun {
  readonly projectId: string;
  readonly project: string;
  readonly workflowId: string;
  readonly plan: Plan;
  readonly inputs: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly trigger: JsonObject;
  readonly priority: number;
  /** How it begins where it repeats another run. */
  readonly again?: Again;
  /** Where it was given before: a child's, by its parent. */
  readonly runId?: string | undefined;
  /** Where it was reserved before. */
  readonly number?: number | undefined;
  /** When it was asked for, where something was told of it already. */
  readonly createdMs?: number | undefined;
  /** No later deadline than this. */
  readonly deadlineMs?: number | undefined;
  /** By whom its parent was paused: it begins when that one goes on. It has to wait, then. */
  readonly paused?: { readonly actor: string; readonly reason: string } | undefined;
}

const noNeeds = { open: 0, ok: 0, tolerated: 0, fail: 0, cancel: 0, skip: 0 } as const;

/**
 * A new run with its task runs, and the first of them ready. Its number is given by the commit, unless it was reserved. `waits`: it stays queued
 * without task runs until its group has room (concurrency.ts).
 */
export function startRun(request: NewRun, around: Surroundings, waits = false): Draft {
  const { again, runId, number = 0, createdMs = around.nowMs, deadlineMs, paused, ...asked } = request;
  const run: Run = {
    ...asked,
    origin: waits && again !== undefined ? keepAgain(again) : again?.origin,
    id: runId ?? around.newId(),
    number,
    state: "queued",
    version: 0,
    eventSeq: 0,
    createdMs,
    startedMs: undefined,
    endedMs: undefined,
    deadlineMs: Math.min(around.nowMs + request.plan.timeoutMs, deadlineMs ?? Infinity),
    cancel: undefined,
    late: undefined,
    pause: undefined,
    outputs: undefined,
    failure: undefined,
    tasks: new Array<TaskRun | undefined>(request.plan.tasks.length).fill(undefined),
    indexRuns: [],
    groups: [],
    openTasks: 0,
    openHooks: 0,
  };
  const draft = new Draft(run, undefined, around);
  draft.tell({ type: "run.queued", to: "queued" });
  tellParent(draft, "start");
  if (!waits) beginRun(draft, again);
  else if (paused !== undefined) pauseRun(draft, paused);
  return draft;
}

/** A queued run goes on: its clock starts, and its task runs are made. */
export function beginRun(draft: Draft, again = keptAgain(draft.run.origin)): void {
  const { run, around } = draft;
  const { plan } = run;
  // A child may not have more time than its parent, also where it had to wait for its group.
  const cutMs = parentOf(run) === undefined ? Infinity : run.deadlineMs;
  const deadlineMs = Math.min(around.nowMs + plan.timeoutMs, cutMs);
  draft.moveRun("running", { startedMs: around.nowMs, deadlineMs });
  draft.tell({ type: "run.started", from: "queued", to: "running" });
  for (let position = 0; position < plan.graphSize; position++) {
    const needs = draft.planTask(position).needs.length;
    draft.make(newTaskRun(draft, position, needs === 0 ? noNeeds : { ...noNeeds, open: needs }));
  }
  if (again !== undefined) beginAgain(draft, again);
  for (let position = 0; position < plan.graphSize; position++) {
    if (draft.planTask(position).needs.length === 0) consider(draft, position);
  }
  startHooks(draft, ["onStart"]);
  setRunMarks(draft);
  settle(draft);
}

/** Task runs that are not executed again: they end before anything else is decided. */
function beginAgain(draft: Draft, { reused, marks }: Again): void {
  for (const [position, { outputs, from, mapped }] of reused) {
    draft.set(position, { flags: { reused: from } });
    if (mapped === undefined) endTask(draft, position, "succeeded", "ok", outputs);
    else reuseGroup(draft, position, mapped.items, mapped.outputs);
  }
  for (const [position, mark] of marks) endMarked(draft, position, mark);
}

/** A run that waits or is paused does not end, though nothing of it is open. */
const isStill = (state: RunState): boolean => state === "queued" || state === "paused";

/** Lets everything follow from what changed: successors, then the run's end, then its hooks. */
export function settle(draft: Draft): void {
  do settleSuccessors(draft);
  while (settleGroups(draft, (at) => void stopTask(draft, at, "cancelled")));
  startCalledHooks(draft);
  if (draft.run.openTasks > 0 || draft.run.endedMs !== undefined || isStill(draft.run.state)) return;
  endRun(draft);
  forgetRunMarks(draft);
  tellParent(draft, "end");
}

/** Cancels a run. Repeats are harmless; a run that has ended refuses. */
export function cancelRun(draft: Draft, cancel: Cancel): EventOutcome {
  const { run } = draft;
  if (run.endedMs !== undefined) {
    return {
      kind: "refused",
      code: "state_conflict",
      detail: `the run has already ended: ${run.state}`,
      state: run.state,
    };
  }
  if (run.cancel !== undefined && !(cancel.force && !run.cancel.force)) return { kind: "accepted" };
  if (run.state === "queued") return cancelQueued(draft, cancel);
  if (run.cancel === undefined) {
    draft.moveRun("cancelling", { cancel });
    endPause(draft);
    draft.tell({ type: "run.cancelling", to: "cancelling", actor: cancel.actor, reason: cancel.reason });
    draft.setTimer(-1, "cleanup", draft.around.nowMs + run.plan.cleanupTimeoutMs);
  } else {
    run.cancel = { ...run.cancel, force: true };
  }
  stopTasks(draft, cancel.force);
  releaseHeld(draft);
  settle(draft);
  return { kind: "accepted" };
}

/** Nothing of it has begun, so nothing is cleaned up. */
function cancelQueued(draft: Draft, cancel: Cancel): EventOutcome {
  endStopped(draft, cancel, { from: "queued" });
  tellParent(draft, "end");
  return { kind: "accepted" };
}

/** The end of a run that was cancelled, or whose time was over. */
function endStopped(draft: Draft, cancel: Cancel, more: { readonly from?: RunState } = {}): void {
  const isTimeUp = cancel.cause === "timeout";
  const state = isTimeUp ? "timed_out" : "cancelled";
  const failure = isTimeUp ? { failure: timeoutFailure(draft.run) } : {};
  draft.moveRun(state, { cancel, endedMs: draft.around.nowMs, ...failure });
  draft.tell({ type: `run.${state}`, ...more, to: state, actor: cancel.actor, reason: cancel.reason });
  startHooks(draft, isTimeUp ? ["onFailure", "onEnd"] : ["onCancel", "onEnd"]);
}

/** Time for cleanup is over: cleanup tasks are stopped like the others. */
export function endCleanup(draft: Draft): EventOutcome {
  if (draft.run.endedMs !== undefined || draft.run.cancel === undefined) return { kind: "duplicate" };
  stopTasks(draft, true);
  settle(draft);
  return { kind: "accepted" };
}

function stopTasks(draft: Draft, cleanupToo: boolean): void {
  for (let position = 0; position < draft.run.plan.graphSize; position++) {
    if (draft.planTask(position).cleanup && !cleanupToo) continue;
    stopTask(draft, position, "cancelled");
  }
}

/** Stops one task run: at once where no agent is involved, else by telling its agent. */
export function stopTask(draft: Draft, position: number, why: "cancelled" | TimeUp): boolean {
  const task = draft.task(position);
  if (task === undefined || isTaskRunEnded(task.state) || task.state === "cancelling") return false;
  if (task.map !== undefined) {
    stopGroup(draft, position, (at) => void stopTask(draft, at, why));
    return true;
  }
  const { live } = task;
  if (live === undefined) {
    if (task.state === "suspended") {
      const { actor, reason } = draft.run.cancel ?? { actor: "capstan", reason: "" };
      cancelChild(draft, position, { actor, reason: reason === "" ? "its parent was cancelled" : reason });
    }
    endTask(draft, position, "cancelled", "cancel");
    if (task.state === "retrying") draft.clearTimer(position, "retry");
    if (task.state === "suspended") endSuspension(draft, position);
    return true;
  }
  const planTask = draft.planTask(position);
  draft.move(position, "cancelling", { stopping: why });
  draft.tell({
    type: "task.cancelling",
    task: draft.nameOf(position),
    from: task.state,
    to: "cancelling",
    attempt: live.id,
    epoch: live.epoch,
  });
  draft.cancels.push({
    agentId: live.agentId,
    attemptId: live.id,
    epoch: live.epoch,
    reason: why === "cancelled" ? "cancelled" : "timeout",
    graceMs: planTask.graceMs,
  });
  return true;
}

function endRun(draft: Draft): void {
  const { run } = draft;
  const nowMs = draft.around.nowMs;
  if (run.cancel !== undefined) {
    draft.clearTimer(-1, "cleanup");
    endStopped(draft, run.cancel);
    return;
  }
  const failed = firstFailed(draft);
  if (failed !== undefined) {
    draft.moveRun("failed", { endedMs: nowMs, failure: failed });
    draft.tell({
      type: "run.failed",
      to: "failed",
      reason: failed.code,
      detail: { task: failed.task, message: failed.message },
    });
    startHooks(draft, ["onFailure", "onEnd"]);
    return;
  }
  if (someCancelled(draft)) {
    draft.moveRun("cancelled", { endedMs: nowMs });
    draft.tell({ type: "run.cancelled", to: "cancelled", reason: "a task was cancelled by hand" });
    startHooks(draft, ["onCancel", "onEnd"]);
    return;
  }
  const outputs = runOutputs(draft);
  if (outputs.kind === "failed") {
    draft.moveRun("failed", { endedMs: nowMs, failure: { ...outputs.failure, task: "" } });
    draft.tell({ type: "run.failed", to: "failed", reason: outputs.failure.code, detail: outputs.failure.message });
    startHooks(draft, ["onFailure", "onEnd"]);
    return;
  }
  draft.moveRun("succeeded", { endedMs: nowMs, outputs: outputs.value });
  draft.tell({ type: "run.succeeded", to: "succeeded" });
  startHooks(draft, ["onSuccess", "onEnd"]);
  // How the run before ended is asked of the database, and comes back as an event.
  if (run.plan.document.hooks?.onRecovery !== undefined) draft.setTimer(-1, "recovery", nowMs);
}

function firstFailed(draft: Draft): RunFailure | undefined {
  let first: { failure: RunFailure; endedMs: number } | undefined;
  for (let position = 0; position < draft.run.plan.graphSize; position++) {
    const task = draft.task(position);
    if (task === undefined || (task.state !== "failed" && task.state !== "timed_out")) continue;
    if (task.effect === "tolerated" || task.failure === undefined) continue;
    const endedMs = task.endedMs ?? 0;
    if (first !== undefined && first.endedMs <= endedMs) continue;
    first = {
      endedMs,
      failure: {
        ...task.failure,
        task: draft.planTask(position).key,
        ...whereFailed(task),
      },
    };
  }
  return first?.failure;
}

function whereFailed(task: TaskRun): Pick<RunFailure, "index" | "attempt" | "agentId"> {
  const { attempt, agentId } = task.map?.first ?? { attempt: task.attempts, agentId: task.agentId };
  return {
    ...(task.map?.first === undefined ? {} : { index: task.map.first.index }),
    attempt,
    ...(agentId === undefined ? {} : { agentId }),
  };
}

function someCancelled(draft: Draft): boolean {
  for (let position = 0; position < draft.run.plan.graphSize; position++) {
    const task = draft.task(position);
    if (task?.state === "cancelled" && task.effect !== "tolerated") return true;
  }
  return false;
}

const timeoutFailure = (run: Pick<Run, "plan">): RunFailure => ({
  class: "timeout",
  code: "timeout",
  message: `the run's timeout of ${Math.round(run.plan.timeoutMs / 1000)} s passed`,
  task: "",
});
