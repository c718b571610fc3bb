// The task run: from waiting to queued, to an attempt, to its end. Every function changes one task run of a draft.
import { controlPlaneActions, isTaskRunEnded, type Failure, type JsonObject } from "@capstan/proto";
import { askCache, leaveCache } from "./cache.ts";
import { askCondition } from "./condition.ts";
import { offerProblem } from "./context.ts";
import type { Draft } from "./draft.ts";
import { holdsPlace, withTurn } from "./group.ts";
import { keptFilesProblem } from "./kept-files.ts";
import { demandProblem } from "./limit-demand.ts";
import { askJoin, effectOfSkip, withNeedEnded, type JoinAnswer } from "./join.ts";
import { hold } from "./pause.ts";
import type { PlanTask } from "./plan.ts";
import { noTries, type Effect, type LiveAttempt, type NeedCounts, type TaskRun } from "./snapshot.ts";
import type { Slot } from "./event.ts";
import { beginSuspended, endSuspension, suspend } from "./suspended.ts";
import type { Verdict } from "./verdict.ts";
import { endHookWait, forgetTimers, timeQueued } from "./task-timers.ts";

export function newTaskRun(draft: Draft, position: number, needs: NeedCounts): TaskRun {
  return {
    id: draft.around.newId(),
    position,
    state: "waiting",
    epoch: 0,
    attempts: 0,
    tries: noTries,
    needs,
    live: undefined,
    agentId: undefined,
    avoid: [],
    createdMs: draft.around.nowMs,
    queuedMs: undefined,
    startedMs: undefined,
    endedMs: undefined,
    dueMs: undefined,
    stopping: undefined,
    times: undefined,
    mark: undefined,
    flags: undefined,
    suspension: undefined,
    effect: undefined,
    outputs: undefined,
    failure: undefined,
    reason: undefined,
    map: undefined,
  };
}

/** Asks a waiting task run whether it may start now, and lets it start, be skipped or wait. */
export function consider(draft: Draft, position: number): void {
  const task = draft.task(position);
  if (task?.state !== "waiting") return;
  const planTask = draft.planTask(position);
  // A hook has no say in the run and is not stopped with it: what is told of a cancel is told after it.
  if (draft.run.cancel !== undefined && !planTask.cleanup && planTask.hook === undefined)
    return endTask(draft, position, "cancelled", "cancel");
  const head = planTask.mapping?.head;
  const answer = head === undefined ? askJoin(planTask.join, task.needs) : askChain(draft, planTask, task.needs, head);
  if (answer === "wait") return;
  if (answer === "skip") {
    return skip(draft, position, "skipped_by_need", needEvidence(draft, position), effectOfSkip(task.needs));
  }
  const condition = planTask.mapping?.eachIndex === true ? ({ kind: "yes" } as const) : askCondition(draft, position);
  if (condition.kind === "error") {
    const failure: Failure = { class: "expression", code: "expression_failed", message: condition.message };
    return failTask(draft, position, failure);
  }
  if (condition.kind === "no") {
    return skip(draft, position, "skipped_by_condition", condition.evidence, effectOfSkip(task.needs));
  }
  if (planTask.mapping !== undefined) {
    draft.opening.push(position);
    return;
  }
  const problem = demandProblem(draft, position) ?? offerProblem(draft, position) ?? keptFilesProblem(draft, position);
  if (problem !== undefined) return failTask(draft, position, problem);
  startTask(draft, position);
}

/** Starts a task run: with an agent, or suspended where the control plane carries it itself. */
export function startTask(draft: Draft, position: number): void {
  const { executor, task } = draft.planTask(position);
  if (!controlPlaneActions.has(executor)) {
    if (task.cache === undefined) return queue(draft, position);
    const failure = askCache(draft, position, task.cache);
    return failure === undefined ? undefined : failTask(draft, position, failure);
  }
  conclude(draft, position, beginSuspended(draft, position));
}

/** Applies what a waiting task run came to. True where something changed. */
export function conclude(draft: Draft, position: number, verdict: Verdict): boolean {
  switch (verdict.kind) {
    case "nothing":
      return false;
    case "suspend":
      suspend(draft, position, verdict);
      return true;
    case "queue":
      queue(draft, position);
      return true;
    case "succeeded":
    case "failed":
      if (draft.task(position)?.state === "suspended") endSuspension(draft, position);
      draft.set(position, { suspension: undefined });
      if (verdict.kind === "failed") failTask(draft, position, verdict.failure);
      else endTask(draft, position, "succeeded", "ok", verdict.outputs);
      return true;
  }
}

/** A chain begins with the list of the group before it, once everything else that it needs has ended. */
function askChain(draft: Draft, planTask: PlanTask, needs: NeedCounts, head: number): JoinAnswer {
  const before = draft.task(head);
  const ended = before !== undefined && isTaskRunEnded(before.state);
  if (before?.map === undefined) return ended || askJoin(planTask.join, needs) === "skip" ? "skip" : "wait";
  if (!ended && askJoin(planTask.join, needs) === "skip") return "skip";
  return needs.open > (ended ? 0 : 1) ? "wait" : "ready";
}

/**
 * Makes a task run ready to be offered; in a paused run it is held. An index waits where `maxParallel` others of its
 * group are at work.
 */
export function queue(draft: Draft, position: number): void {
  if (position >= draft.run.plan.tasks.length && waitsForPlace(draft, position)) return;
  draft.move(position, "queued", { queuedMs: draft.around.nowMs, dueMs: undefined, reason: undefined });
  timeQueued(draft, position);
  if (draft.run.state === "paused") hold(draft, position);
  else draft.ready.push(position);
}

function waitsForPlace(draft: Draft, position: number): boolean {
  const task = draft.task(position);
  const group = draft.groupOf(position);
  const map = group === undefined ? undefined : draft.task(group.position)?.map;
  const { mapping, executor } = draft.planTask(position);
  if (task === undefined || group === undefined || map === undefined || mapping === undefined) return false;
  if (holdsPlace(task.state, controlPlaneActions.has(executor)) || map.busy < mapping.maxParallel) return false;
  draft.set(position, {
    dueMs: undefined,
    reason: { code: "limit_reached", evidence: { limit: "maxParallel", max: mapping.maxParallel } },
  });
  draft.count(group.position, withTurn(map, position - group.base));
  return true;
}

/** What follows from the end of a task run, beside those that need it. */
export function afterEnd(draft: Draft, position: number, event: "onSuccess" | "onFailure" | undefined): void {
  forgetTimers(draft, position);
  if (draft.planTask(position).task.cache !== undefined) leaveCache(draft, position);
  if (event !== undefined && draft.planTask(position).position === position) draft.callHooks(position, event);
}

/** Gives a queued task run to an agent: the attempt is made, with the next epoch. */
export function dispatch(draft: Draft, position: number, slot: Slot): LiveAttempt {
  const task = draft.task(position);
  if (task === undefined) throw new Error(`no task run at ${position}`);
  const base = draft.around.incarnation * 1_000_000;
  const live: LiveAttempt = {
    id: draft.around.newId(),
    number: task.attempts + 1,
    epoch: Math.max(task.epoch, base) + 1,
    agentId: slot.agentId,
    session: slot.session,
    seq: slot.seq,
    state: "offered",
    offeredMs: draft.around.nowMs,
    startedMs: undefined,
    eventSeq: 0,
  };
  draft.move(position, "dispatched", {
    live,
    epoch: live.epoch,
    attempts: live.number,
    agentId: live.agentId,
    reason: undefined,
  });
  draft.makeAttempt(live, position);
  endHookWait(draft, position);
  draft.tell({
    type: "task.dispatched",
    task: draft.nameOf(position),
    from: "queued",
    to: "dispatched",
    attempt: live.id,
    epoch: live.epoch,
    agent: live.agentId,
  });
  return live;
}

/** Ends a task run that needs no failure: succeeded, cancelled. */
export function endTask(
  draft: Draft,
  position: number,
  state: "succeeded" | "cancelled",
  effect: Effect,
  outputs?: JsonObject,
): void {
  const from = draft.task(position)?.state;
  draft.move(position, state, {
    endedMs: draft.around.nowMs,
    effect: effect === "cancel" && draft.planTask(position).allowFailure ? "tolerated" : effect,
    live: undefined,
    dueMs: undefined,
    reason: undefined,
    stopping: undefined,
    ...(outputs === undefined ? {} : { outputs }),
  });
  draft.tell({
    type: `task.${state}`,
    task: draft.nameOf(position),
    ...(from === undefined ? {} : { from }),
    to: state,
  });
  afterEnd(draft, position, state === "succeeded" ? "onSuccess" : undefined);
}

/** Ends a task run badly; `timed_out` for the two timeout classes. */
export function failTask(draft: Draft, position: number, failure: Failure): void {
  const planTask = draft.planTask(position);
  const state = failure.class === "timeout" || failure.class === "queue_timeout" ? "timed_out" : "failed";
  const from = draft.task(position)?.state;
  draft.move(position, state, {
    endedMs: draft.around.nowMs,
    effect: planTask.allowFailure ? "tolerated" : "fail",
    failure,
    live: undefined,
    dueMs: undefined,
    reason: undefined,
    stopping: undefined,
  });
  draft.tell({
    type: `task.${state}`,
    task: draft.nameOf(position),
    ...(from === undefined ? {} : { from }),
    to: state,
    reason: failure.code,
    detail: failure.message,
  });
  if (planTask.hook !== undefined)
    draft.tell({ type: "hook_failed", task: planTask.key, reason: failure.code, detail: failure.message });
  afterEnd(draft, position, "onFailure");
}

export function skip(draft: Draft, position: number, code: string, evidence: JsonObject, effect: Effect): void {
  const from = draft.task(position)?.state;
  draft.move(position, "skipped", {
    endedMs: draft.around.nowMs,
    effect,
    live: undefined,
    dueMs: undefined,
    stopping: undefined,
    reason: { code, evidence },
  });
  draft.tell({
    type: "task.skipped",
    task: draft.nameOf(position),
    ...(from === undefined ? {} : { from }),
    to: "skipped",
    reason: code,
    detail: evidence,
  });
  afterEnd(draft, position, undefined);
}

/** Tells the successors of everything that ended in this draft, until nothing more follows. */
export function settleSuccessors(draft: Draft): void {
  for (let at = draft.ended.pop(); at !== undefined; at = draft.ended.pop()) {
    const effect = draft.task(at)?.effect;
    if (effect === undefined) throw new Error(`ended task run at ${at} has no effect`);
    for (const next of draft.planTask(at).successors) {
      const task = draft.task(next);
      if (task?.state !== "waiting") continue;
      draft.countNeed(next, withNeedEnded(task.needs, effect));
      consider(draft, next);
    }
  }
}

function needEvidence(draft: Draft, position: number): JsonObject {
  for (const need of draft.planTask(position).needs) {
    const task = draft.task(need);
    if (task?.effect !== undefined && task.effect !== "ok" && task.effect !== "tolerated") {
      return { need: draft.planTask(need).key, state: task.state };
    }
  }
  return {};
}
