// Mapped tasks: `forEach`, `matrix`, chains (docs/language.md, "Mapped tasks").
//  M1. Index task runs are made when their turn comes: at most `maxParallel` have an attempt, or are about to. What has
//      not begun has no row.
//  M2. An event costs by what it touches, never by the number of indexes. Only opening, stopping and ending a group look
//      at all of them.
//  M3. The list is computed once, when the task becomes ready, and is stored with the group.
//  M4. A group ends when all its indexes have ended, as `groupOutcome` says.
import {
  isTaskRunEnded,
  itemsMax,
  itemsOf,
  scopeAt,
  taskRunsMax,
  type Failure,
  type Items,
  type JsonObject,
} from "@capstan/proto";
import { askCondition } from "./condition.ts";
import { evaluationContext, offerProblem, runView } from "./context.ts";
import type { Draft } from "./draft.ts";
import {
  groupCounts,
  groupOutcome,
  newMapState,
  outOfReach,
  takeTurn,
  waitsForTurn,
  withTurn,
  type MapState,
} from "./group.ts";
import { indexReuse } from "./index-reuse.ts";
import { keptFilesProblem } from "./kept-files.ts";
import { demandProblem } from "./limit-demand.ts";
import { askJoin, effectOfSkip } from "./join.ts";
import type { Mapping, PlanTask } from "./plan.ts";
import type { NeedCounts, TaskRun } from "./snapshot.ts";
import { afterEnd, consider, endTask, failTask, newTaskRun, queue, skip, startTask } from "./task-machine.ts";

/** Stops the task run at a position, as a cancel by hand would. */
type Stop = (position: number) => void;

/** Lets everything follow that concerns groups. True where something was done, so that others may have to follow. */
export function settleGroups(draft: Draft, stop: Stop): boolean {
  let any = false;
  for (;;) {
    const opening = draft.opening.pop();
    if (opening !== undefined) {
      any = true;
      open(draft, opening);
      continue;
    }
    const ended = draft.indexesEnded.shift();
    if (ended !== undefined) {
      any = true;
      indexEnded(draft, ended);
      continue;
    }
    const [touched] = draft.groupsTouched;
    if (touched === undefined) return any;
    any = true;
    draft.groupsTouched.delete(touched);
    goOn(draft, touched, stop);
  }
}

/** Stops a group: nothing begins any more, and what has begun is stopped. */
export function stopGroup(draft: Draft, position: number, stop: Stop): void {
  const map = mapOf(draft, position);
  draft.move(position, "cancelling", { map: { ...map, stopped: true } });
  draft.tell({ type: "task.cancelling", task: draft.nameOf(position), from: "running", to: "cancelling" });
  stopIndexes(draft, position, stop);
}

function stopIndexes(draft: Draft, position: number, stop: Stop): void {
  const { base, items } = mapOf(draft, position);
  for (let index = 0; index < items.length; index++) {
    const task = draft.task(base + index);
    if (task !== undefined && !isTaskRunEnded(task.state)) stop(base + index);
  }
  draft.groupsTouched.add(position);
}

function mapOf(draft: Draft, position: number): MapState {
  const map = draft.task(position)?.map;
  if (map === undefined) throw new Error(`the task run at ${position} of run ${draft.run.id} is no group`);
  return map;
}

function mappingOf(planTask: PlanTask): Mapping {
  if (planTask.mapping === undefined) throw new Error(`the task ${planTask.key} is not mapped`);
  return planTask.mapping;
}

/** Computes the list of a task that is ready, and begins. */
function open(draft: Draft, position: number): void {
  if (draft.task(position)?.state !== "waiting") return;
  const planTask = draft.planTask(position);
  const found = listOf(draft, planTask);
  if (found.kind === "wrong") return failTask(draft, position, failed("expression_failed", found.message));
  const count = found.kind === "too_many" ? found.count : found.items.length;
  if (found.kind === "too_many") {
    const message = `${planTask.key} would have ${count} indexes, and a mapped task has at most ${itemsMax}`;
    return failTask(draft, position, failed("item_limit", message));
  }
  const base = draft.nextBase;
  if (base + count > taskRunsMax) {
    const message = `${planTask.key} has ${count} indexes, and with them its run would have more than ${taskRunsMax} task runs`;
    return failTask(draft, position, failed("item_limit", message));
  }
  draft.run.groups = [...draft.run.groups, { position, base, size: count }];
  draft.move(position, "running", { map: newMapState(base, found.items), startedMs: draft.around.nowMs });
  draft.tell({
    type: "task.running",
    task: planTask.key,
    from: "waiting",
    to: "running",
    detail: { total: count },
  });
  draft.groupsTouched.add(position);
  const { head } = mappingOf(planTask);
  if (head !== undefined) followHead(draft, position, head);
  for (const next of planTask.successors) {
    if (draft.planTask(next).mapping?.head === position) consider(draft, next);
  }
}

const failed = (code: string, message: string): Failure => ({ class: "expression", code, message });

function listOf(draft: Draft, planTask: PlanTask): Items {
  const { head } = mappingOf(planTask);
  if (head !== undefined) return { kind: "items", items: mapOf(draft, head).items };
  const context = {
    ...evaluationContext(draft.run, (at) => draft.task(at)),
    run: runView(draft.run, draft.around),
    trigger: draft.run.trigger,
  };
  try {
    return itemsOf(planTask.task, context, { scope: scopeAt(draft.run.plan.document, "list") });
  } catch (error) {
    return { kind: "wrong", message: error instanceof Error ? error.message : String(error) };
  }
}

/** A chain that opens late: some indexes before it have ended already. */
function followHead(draft: Draft, position: number, head: number): void {
  const before = mapOf(draft, head);
  const over = isTaskRunEnded(draft.task(head)?.state ?? "waiting");
  for (let index = 0; index < before.items.length; index++) {
    const state = draft.task(before.base + index)?.state;
    if (state === undefined ? over : isTaskRunEnded(state)) takeInTurn(draft, position, index);
  }
}

function takeInTurn(draft: Draft, position: number, index: number): void {
  draft.count(position, withTurn(mapOf(draft, position), index));
  draft.groupsTouched.add(position);
}

function indexEnded(draft: Draft, at: number): void {
  const place = draft.groupOf(at);
  const task = draft.task(at);
  if (place === undefined || task === undefined) return;
  const map = mapOf(draft, place.position);
  const index = at - place.base;
  if (map.first === undefined && (task.state === "failed" || task.state === "timed_out")) {
    draft.count(place.position, { ...map, first: { index, attempt: task.attempts, agentId: task.agentId } });
  }
  // The group before its chain: when the last index of the chain ends, the effect of the group before it is known.
  close(draft, place.position);
  for (const next of draft.planTask(at).successors) {
    if (draft.planTask(next).mapping?.head !== place.position) continue;
    const chained = draft.task(next);
    if (chained?.map !== undefined && !chained.map.stopped && !isTaskRunEnded(chained.state)) {
      takeInTurn(draft, next, index);
    }
  }
}

/** Begins what has its turn while places are free; stops what `failFast` stops; ends what has ended. */
function goOn(draft: Draft, position: number, stop: Stop): void {
  const task = draft.task(position);
  if (task?.map === undefined || isTaskRunEnded(task.state)) return;
  const planTask = draft.planTask(position);
  const mapping = mappingOf(planTask);
  if (mapping.failFast && !task.map.stopped && outOfReach(task.map, mapping.minSuccess)) {
    draft.set(position, { map: { ...task.map, stopped: true } });
    stopIndexes(draft, position, stop);
    return;
  }
  while (beginNext(draft, position, mapping));
  close(draft, position);
}

/** Begins one index. False where none is left, or no place is free. */
function beginNext(draft: Draft, position: number, mapping: Mapping): boolean {
  const map = mapOf(draft, position);
  if (map.stopped || map.busy >= mapping.maxParallel) return false;
  const turn = takeTurn(map);
  if (turn !== undefined) {
    draft.count(position, turn.map);
    const task = draft.task(map.base + turn.index);
    if (task === undefined) begin(draft, position, turn.index);
    // It may have had its next try before its turn came, and wait for another thing now.
    else if (waitsForTurn(task)) queue(draft, task.position);
    return true;
  }
  if (mapping.head !== undefined || map.made >= map.items.length) return false;
  begin(draft, position, map.made);
  return true;
}

function begin(draft: Draft, position: number, index: number): void {
  const group = draft.task(position);
  if (group?.map === undefined) return;
  const planTask = draft.planTask(position);
  const { head, eachIndex } = mappingOf(planTask);
  const at = group.map.base + index;
  const needs = head === undefined ? group.needs : needsOfIndex(draft, planTask, head, index);
  draft.make(newTaskRun(draft, at, needs));
  const kept = indexReuse(draft.run.origin, position, index, group.map.items[index]);
  if (kept !== undefined && (head === undefined || isReused(draft, head, index))) {
    draft.set(at, { flags: { reused: kept.from } });
    return endTask(draft, at, "succeeded", "ok", kept.outputs);
  }
  if (head !== undefined && askJoin(planTask.join, needs) === "skip") {
    const state = headState(draft, head, index);
    const evidence = { need: `${draft.nameOf(head)}.${index}`, state };
    return skip(draft, at, "skipped_by_need", evidence, effectOfSkip(needs));
  }
  const condition = eachIndex ? askCondition(draft, at) : ({ kind: "yes" } as const);
  if (condition.kind === "error") return failTask(draft, at, failed("expression_failed", condition.message));
  if (condition.kind === "no") {
    return skip(draft, at, "skipped_by_condition", condition.evidence, effectOfSkip(needs));
  }
  const problem = demandProblem(draft, at) ?? offerProblem(draft, at) ?? keptFilesProblem(draft, at);
  if (problem !== undefined) return failTask(draft, at, problem);
  startTask(draft, at);
}

/** An index of a chain needs the same index of the group before it, and everything else that its task needs. */
function needsOfIndex(draft: Draft, planTask: PlanTask, head: number, index: number): NeedCounts {
  const counts = { open: 0, ok: 0, tolerated: 0, fail: 0, cancel: 0, skip: 0 };
  for (const need of planTask.needs) {
    const run: TaskRun | undefined = need === head ? draft.task(mapOf(draft, head).base + index) : draft.task(need);
    // An index of the group before it that never began was cancelled with its group.
    counts[run?.effect ?? "cancel"] += 1;
  }
  return counts;
}

/** Whether an index of the group before a chain was not executed again either. */
const isReused = (draft: Draft, head: number, index: number): boolean =>
  draft.task(mapOf(draft, head).base + index)?.flags?.reused !== undefined;

const headState = (draft: Draft, head: number, index: number): string =>
  draft.task(mapOf(draft, head).base + index)?.state ?? "cancelled";

/** Ends a group whose indexes have all ended. */
function close(draft: Draft, position: number): void {
  const task = draft.task(position);
  if (task?.map === undefined || isTaskRunEnded(task.state)) return;
  const { map } = task;
  if (map.open > 0 || (!map.stopped && map.made < map.items.length)) return;
  const planTask = draft.planTask(position);
  end(draft, position, task, map, planTask);
  if (map.made === map.items.length) return;
  // What never began is what a chain behind it still waits for.
  for (const next of planTask.successors) {
    const chained = draft.task(next);
    if (draft.planTask(next).mapping?.head !== position || chained?.map === undefined || chained.map.stopped) continue;
    for (let index = 0; index < map.items.length; index++) {
      if (draft.task(map.base + index) === undefined) takeInTurn(draft, next, index);
    }
  }
}

function end(draft: Draft, position: number, task: TaskRun, map: MapState, planTask: PlanTask): void {
  const { minSuccess, head } = mappingOf(planTask);
  const outcome = task.state === "cancelling" ? "cancelled" : groupOutcome(groupCounts(map), minSuccess);
  switch (outcome) {
    case "succeeded":
      return endTask(draft, position, "succeeded", "ok");
    case "skipped": {
      const reason = draft.task(map.base)?.reason;
      const effect = head === undefined ? "skip" : skipEffect(draft.task(head));
      return skip(draft, position, reason?.code ?? "skipped_by_condition", reason?.evidence ?? {}, effect);
    }
    case "cancelled":
      if (task.state !== "cancelling") draft.move(position, "cancelling");
      return endTask(draft, position, "cancelled", "cancel");
    case "failed":
      return endFailed(draft, position, map, planTask);
  }
}

/** A chain of which every index was skipped is to others what made it so. */
function skipEffect(head: TaskRun | undefined): "fail" | "cancel" | "skip" {
  return head?.effect === "fail" || head?.effect === "cancel" ? head.effect : "skip";
}

function endFailed(draft: Draft, position: number, map: MapState, planTask: PlanTask): void {
  const first = map.first === undefined ? undefined : draft.task(map.base + map.first.index);
  const cause: Failure = first?.failure ?? { class: "error", code: "exit", message: "an index failed" };
  const counts = groupCounts(map);
  const failure: Failure = {
    ...cause,
    message: `${counts.failed} of ${counts.total} indexes failed, the first ${planTask.key}.${map.first?.index ?? 0}: ${cause.message}`,
  };
  draft.move(position, "failed", {
    endedMs: draft.around.nowMs,
    effect: planTask.allowFailure ? "tolerated" : "fail",
    failure,
    reason: undefined,
  });
  draft.tell({
    type: "task.failed",
    task: planTask.key,
    from: "running",
    to: "failed",
    reason: failure.code,
    detail: failure.message,
  });
  afterEnd(draft, position, "onFailure");
}

/** A mapped task that is not executed again: its indexes are there from the beginning, as they ended. */
export function reuseGroup(
  draft: Draft,
  position: number,
  items: MapState["items"],
  outputs: readonly JsonObject[],
): void {
  const base = draft.nextBase;
  const flags = draft.task(position)?.flags;
  draft.run.groups = [...draft.run.groups, { position, base, size: items.length }];
  draft.move(position, "running", { map: newMapState(base, items), startedMs: draft.around.nowMs });
  const needs = draft.task(position)?.needs;
  if (needs === undefined) return;
  for (const [index, given] of outputs.entries()) {
    draft.make(newTaskRun(draft, base + index, needs));
    draft.set(base + index, { flags });
    endTask(draft, base + index, "succeeded", "ok", given);
  }
  draft.groupsTouched.add(position);
}
