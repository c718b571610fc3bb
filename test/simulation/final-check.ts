// What a run must have come to, worked out again from the document, the rows of its task runs and the ledger, without the
// engine: joins, effects, outcomes, hooks, retries.
import { controlPlaneActions, isTaskRunEnded } from "@capstan/proto";
import type { GroupPlace } from "../../control-plane/src/engine/group.ts";
import type { PlanTask } from "../../control-plane/src/engine/plan.ts";
import type { Checks } from "./checks.ts";
import { checkTries } from "./final-tries.ts";
import type { Ledger } from "./ledger.ts";
import { indexesOf } from "./places.ts";
import type { StoredAttempt, StoredRun, StoredTask } from "./rows.ts";
import type { SimDatabase } from "./sim-database.ts";
import type { World } from "./world.ts";

type Means = "good" | "bad" | "stopped" | "left_out" | "open";

/** What an ended task run is to those that need it. */
function meaningOf(run: StoredRun, position: number): Means {
  const task = run.tasks[position];
  const planTask = run.plan.tasks[position];
  if (task === undefined || planTask === undefined || !isTaskRunEnded(task.s)) return "open";
  switch (task.s) {
    case "succeeded":
      return "good";
    case "failed":
    case "timed_out":
      return planTask.allowFailure ? "good" : "bad";
    case "cancelled":
      return planTask.allowFailure ? "good" : "stopped";
    default: {
      if (task.c?.flags?.marked === undefined && task.c?.map !== undefined) return "left_out";
      if (task.re?.code === "skipped_by_task") return "left_out";
      // What had ended when it was skipped; a need that failed later changes nothing about it.
      const behind = planTask.needs
        .filter((need) => (run.tasks[need]?.en ?? Number.POSITIVE_INFINITY) <= (task.en ?? 0))
        .map((need) => meaningOf(run, need));
      if (behind.includes("bad")) return "bad";
      return behind.includes("stopped") ? "stopped" : "left_out";
    }
  }
}

/** What a task's join says now. `tolerated` failures are good to those that need them. */
export function joinSays(run: StoredRun, planTask: PlanTask): "start" | "skip" | "wait" {
  const needs = planTask.needs.map((need) => meaningOf(run, need));
  const has = (...wanted: Means[]): boolean => needs.some((one) => wanted.includes(one));
  switch (planTask.join) {
    case "all_success":
      return has("bad", "stopped", "left_out") ? "skip" : has("open") ? "wait" : "start";
    case "none_failed":
      if (has("bad", "stopped")) return "skip";
      if (has("open")) return "wait";
      return !has("left_out") || reallySucceeded(run, planTask) ? "start" : "skip";
    case "all_done":
      return has("open") ? "wait" : "start";
    case "one_success":
      if (needs.length === 0 || reallySucceeded(run, planTask)) return "start";
      return has("open") ? "wait" : "skip";
  }
}

const reallySucceeded = (run: StoredRun, planTask: PlanTask): boolean =>
  planTask.needs.some((need) => run.tasks[need]?.s === "succeeded");

export interface EndedParts {
  readonly world: World;
  readonly database: SimDatabase;
  readonly ledger: Ledger;
  readonly checks: Checks;
}

export function checkEnded(parts: EndedParts, run: StoredRun): void {
  const { world, database } = parts;
  const attempts = new Map<number, StoredAttempt[]>();
  for (const attempt of database.attempts.values()) {
    if (attempt.runId !== run.id) continue;
    const list = attempts.get(attempt.position) ?? [];
    list.push(attempt);
    attempts.set(attempt.position, list);
  }
  for (const planTask of run.plan.tasks) {
    const task = run.tasks[planTask.position];
    if (task === undefined) {
      // A run that never got into its group has no task runs.
      if (planTask.hook === undefined && run.startedMs !== undefined)
        world.violate("I14", `${run.id} ${planTask.key} was never made`);
      continue;
    }
    checkTask(parts, run, planTask, task, attempts.get(planTask.position) ?? []);
  }
  for (const group of run.groups) {
    const planTask = run.plan.tasks[group.position];
    if (planTask === undefined) continue;
    for (const index of indexesOf(run, group)) checkAttempts(parts, run, planTask, index, attempts.get(index.o) ?? []);
    checkMapped(world, run, group, planTask);
  }
  checkOutcome(world, run);
  checkHooks(world, run);
}

/**
 * I9: where nothing goes wrong no attempt is lost, and none is made for nothing.
 * @param rotates sessions are replaced in order now and then: an offer that is under way at that moment is made again
 */
export function checkFaultless(world: World, database: SimDatabase, ledger: Ledger, rotates: boolean): void {
  for (const { id, state, failure } of database.attempts.values()) {
    if (state === "lost" && (!rotates || ledger.of(id) !== undefined))
      world.violate("I9", `attempt ${id} was lost (${failure?.message ?? "given back"}), and nothing had gone wrong`);
  }
}

function checkTask(
  parts: EndedParts,
  run: StoredRun,
  planTask: PlanTask,
  task: StoredTask,
  attempts: readonly StoredAttempt[],
): void {
  const { world, database, checks } = parts;
  const where = `${run.id} ${planTask.key}`;
  // What was not executed again, or what a person decided, says nothing about its join.
  const isDecided = task.c?.flags?.reused !== undefined || task.c?.flags?.marked !== undefined;
  const says = planTask.hook === undefined ? joinSays(run, planTask) : "start";
  if (isDecided) return;
  checkCancelled(world, checks, run, task, planTask);
  if (task.c?.map === undefined) checkAttempts(parts, run, planTask, task, attempts);
  if ("workflow" in planTask.task.action) checkChildren(world, database, run, task);
  const byNeed = task.s === "skipped" && task.re?.code === "skipped_by_need";
  if (says === "skip" && !byNeed && task.s !== "cancelled") {
    world.violate("I10", `${where} is ${task.s} although its join says skip`);
  }
  if (says === "start" && byNeed) world.violate("I10", `${where} was skipped although its join says start`);
  if (task.s === "skipped" && task.re?.code === "skipped_by_condition" && planTask.task.if === undefined) {
    world.violate("I10", `${where} was skipped by a condition that it does not have`);
  }
  const conditionText = planTask.task.if?.$expr;
  if (
    conditionText === "always()" &&
    task.s === "skipped" &&
    task.re?.code !== "skipped_by_need" &&
    task.re?.code !== "skipped_by_task"
  ) {
    world.violate("I10", `${where} was skipped although its condition is always()`);
  }
  const given = run.inputs["go"];
  if (typeof given === "boolean" && (conditionText === "inputs.go" || conditionText === "!inputs.go")) {
    const holds = conditionText === "inputs.go" ? given : !given;
    if (!holds && attempts.length > 0) world.violate("I10", `${where} ran although its condition is false`);
    if (holds && task.re?.code === "skipped_by_condition")
      world.violate("I10", `${where} was skipped although its condition holds`);
  }
}

/** I2, I9: one success at most, and it is the one that is kept. */
function checkAttempts(
  parts: EndedParts,
  run: StoredRun,
  planTask: PlanTask,
  task: StoredTask,
  attempts: readonly StoredAttempt[],
): void {
  const { world, ledger } = parts;
  if (task.c?.flags?.reused !== undefined || task.c?.flags?.marked !== undefined) return;
  const where = `${run.id} ${planTask.key} ${task.o}`;
  const won = attempts.filter((attempt) => attempt.state === "succeeded");
  if (won.length > 1) world.violate("I2", `${where} has ${won.length} successful attempts`);
  const [winner] = won;
  const isCached = task.c?.flags?.cached !== undefined;
  if (task.s === "succeeded" && !controlPlaneActions.has(planTask.executor) && !isCached) {
    const execution = winner === undefined ? undefined : ledger.of(winner.id);
    if (execution?.outcome !== "succeeded") world.violate("I2", `${where} succeeded, and no program of it did`);
    const declared = planTask.task.outputs !== undefined;
    if (declared && execution?.outputs?.["n"] !== task.ou?.["n"]) {
      world.violate("I10", `${where} has outputs that its program did not give`);
    }
    if (declared && !Number.isInteger(task.ou?.["n"])) {
      world.violate("I10", `${where} succeeded with ${JSON.stringify(task.ou)}, and declares a whole number`);
    }
  }
  // A success that came after the task run was told to stop is kept with the attempt, and not used: neither after a cancel
  // nor after its time was up.
  if (winner !== undefined && task.s !== "succeeded" && task.s !== "skipped" && task.s !== "cancelled") {
    if (task.s !== "timed_out") world.violate("I2", `${where} has a successful attempt and is ${task.s}`);
  }
  checkTries(parts, run, planTask, task, attempts);
  for (const attempt of attempts) {
    if (attempt.number < 1 || attempt.number > task.a)
      world.violate("I12", `${where} has attempt ${attempt.number} of ${task.a}`);
  }
  if (attempts.length !== task.a)
    world.violate("I2", `${where} made ${task.a} attempts and has ${attempts.length} rows`);
}

/** I14: nothing is cancelled that nobody cancelled. */
function checkCancelled(world: World, checks: Checks, run: StoredRun, task: StoredTask, planTask: PlanTask): void {
  if (task.s !== "cancelled" || run.cancel !== undefined || task.c?.map !== undefined) return;
  if (!checks.stoppedTasks.has(`${run.id} ${task.o}`))
    world.violate("I14", `${run.id} ${planTask.key} is cancelled, and nobody cancelled it`);
}

/** I14: what a mapped task came to, counted anew from its indexes. */
function checkMapped(world: World, run: StoredRun, group: GroupPlace, planTask: PlanTask): void {
  const task = run.tasks[group.position];
  if (task === undefined || task.c?.flags?.reused !== undefined || task.c?.flags?.marked !== undefined) return;
  const where = `${run.id} ${planTask.key}`;
  const made = indexesOf(run, group);
  const count = (...states: string[]): number => made.filter((one) => states.includes(one.s)).length;
  const [succeeded, skipped, failed] = [count("succeeded"), count("skipped"), count("failed", "timed_out")];
  const wanted = planTask.task.minSuccess ?? "100%";
  const counted = group.size - skipped;
  const needed = typeof wanted === "number" ? wanted : Math.ceil((Number(wanted.slice(0, -1)) * counted) / 100);
  const expected =
    group.size === 0 || (skipped < group.size && succeeded >= needed)
      ? "succeeded"
      : skipped === group.size
        ? "skipped"
        : failed > 0
          ? "failed"
          : "cancelled";
  // One that was told to stop is cancelled, whatever its indexes came to meanwhile.
  if (task.s !== expected && task.s !== "cancelled")
    world.violate("I14", `${where} is ${task.s}; its ${group.size} indexes say ${expected}`);
  if (
    task.s === "cancelled" &&
    run.cancel === undefined &&
    made.every((one) => one.s !== "cancelled") &&
    made.length === group.size
  )
    world.violate("I14", `${where} is cancelled, and none of its indexes is`);
}

/** How long a child may go on after its parent's task was told to stop: as long as nothing could be told. */
const childEndsMs = 400_000;

/** A child is what its parent's task says, and ends with it. */
function checkChildren(world: World, database: SimDatabase, run: StoredRun, task: StoredTask): void {
  const children = [...database.runs.values()].filter((one) => {
    // A child that somebody ran again by hand is nobody's.
    if (one.origin !== undefined) return false;
    const parent = one.trigger["parent"] as { runId?: string; position?: number } | undefined;
    return parent?.runId === run.id && parent.position === task.o;
  });
  const where = `${run.id} ${task.o}`;
  const most = run.plan.tasks[task.o]?.retry.attempts ?? 1;
  if (children.length > most) world.violate("I12", `${where} started ${children.length} children of ${most}`);
  const { action } = run.plan.tasks[task.o]?.task ?? {};
  if (action === undefined || !("workflow" in action) || action.workflow.wait === false) return;
  if (task.s === "succeeded" && !children.some((one) => one.state === "succeeded"))
    world.violate("I2", `${where} succeeded, and none of its children did`);
  if (task.s === "succeeded") return;
  for (const child of children) {
    const lateMs = (child.endedMs ?? Number.POSITIVE_INFINITY) - (task.en ?? 0);
    if (lateMs > childEndsMs && child.cancel === undefined)
      world.violate(
        "I5",
        `${where} is ${task.s}, and its child ${child.id} went on for ${Math.round(lateMs / 1000)} s`,
      );
  }
}

function checkOutcome(world: World, run: StoredRun): void {
  let expected: string;
  const meanings = run.plan.tasks.slice(0, run.plan.graphSize).map((planTask) => {
    const task = run.tasks[planTask.position];
    return { state: task?.s, isTolerated: planTask.allowFailure };
  });
  if (run.cancel !== undefined) expected = run.cancel.cause === "timeout" ? "timed_out" : "cancelled";
  else if (meanings.some((one) => (one.state === "failed" || one.state === "timed_out") && !one.isTolerated))
    expected = "failed";
  else if (meanings.some((one) => one.state === "cancelled" && !one.isTolerated)) expected = "cancelled";
  else expected = "succeeded";
  if (run.state !== expected)
    world.violate("I14", `run ${run.id} ended as ${run.state}; its task runs say ${expected}`);
  if (run.state === "failed" && run.failure === undefined)
    world.violate("I14", `run ${run.id} failed without a failure`);
}

function checkHooks(world: World, run: StoredRun): void {
  const wanted: Readonly<Record<string, readonly string[]>> = {
    succeeded: ["onStart", "onSuccess", "onEnd"],
    failed: ["onStart", "onFailure", "onEnd"],
    timed_out: ["onStart", "onFailure", "onEnd"],
    cancelled: ["onStart", "onCancel", "onEnd"],
  };
  for (const planTask of run.plan.tasks.slice(run.plan.graphSize)) {
    const isWanted =
      planTask.hook !== undefined &&
      (wanted[run.state]?.includes(planTask.hook) === true || (planTask.hook === "onLate" && run.late !== undefined)) &&
      // A run that never began is told of its end alone.
      (planTask.hook !== "onStart" || run.startedMs !== undefined);
    const isMade = run.tasks[planTask.position] !== undefined;
    if (isWanted !== isMade)
      world.violate("I14", `run ${run.id} is ${run.state}; hook ${planTask.key}: ${isMade ? "made" : "missing"}`);
  }
}
