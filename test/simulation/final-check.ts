// What a run must have come to, worked out again from the document, the rows of its task runs and the ledger, without the
// engine: joins, effects, outcomes, hooks, retries.
import { isTaskRunEnded } from "@capstan/proto";
import type { PlanTask } from "../../control-plane/src/engine/plan.ts";
import type { Ledger } from "./ledger.ts";
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

export function checkEnded(world: World, database: SimDatabase, ledger: Ledger, run: StoredRun): void {
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
      if (planTask.hook === undefined) world.violate("I14", `${run.id} ${planTask.key} was never made`);
      continue;
    }
    checkTask(world, ledger, run, planTask, task, attempts.get(planTask.position) ?? []);
  }
  checkOutcome(world, run);
  checkHooks(world, run);
}

function checkTask(
  world: World,
  ledger: Ledger,
  run: StoredRun,
  planTask: PlanTask,
  task: StoredTask,
  attempts: readonly StoredAttempt[],
): void {
  const where = `${run.id} ${planTask.key}`;
  const says = planTask.hook === undefined ? joinSays(run, planTask) : "start";
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
  // I2, I9: one success at most, and it is the one that is kept.
  const won = attempts.filter((attempt) => attempt.state === "succeeded");
  if (won.length > 1) world.violate("I2", `${where} has ${won.length} successful attempts`);
  const [winner] = won;
  if (task.s === "succeeded") {
    const execution = winner === undefined ? undefined : ledger.of(winner.id);
    if (execution?.outcome !== "succeeded") world.violate("I2", `${where} succeeded, and no program of it did`);
    const declared = planTask.task.outputs !== undefined;
    if (declared && execution?.outputs?.["n"] !== task.ou?.["n"]) {
      world.violate("I10", `${where} has outputs that its program did not give`);
    }
  }
  // A success that came after the task run was told to stop is kept with the attempt, and not used: neither after a cancel
  // nor after its time was up.
  if (winner !== undefined && task.s !== "succeeded" && task.s !== "skipped" && task.s !== "cancelled") {
    if (task.s !== "timed_out") world.violate("I2", `${where} has a successful attempt and is ${task.s}`);
  }
  checkTries(world, run, planTask, task, attempts);
  for (const attempt of attempts) {
    if (attempt.number < 1 || attempt.number > task.a)
      world.violate("I12", `${where} has attempt ${attempt.number} of ${task.a}`);
  }
  if (attempts.length !== task.a)
    world.violate("I2", `${where} made ${task.a} attempts and has ${attempts.length} rows`);
}

/** I12: as many tries as the policy pays for, and no fewer where it would have paid. */
function checkTries(
  world: World,
  run: StoredRun,
  planTask: PlanTask,
  task: StoredTask,
  attempts: readonly StoredAttempt[],
): void {
  const where = `${run.id} ${planTask.key}`;
  const { retry } = planTask;
  const paid = attempts.filter(
    (one) => one.failure !== undefined && (one.failure.class === "error" || one.failure.class === "timeout"),
  );
  if (paid.length > retry.attempts)
    world.violate("I12", `${where} was tried ${paid.length} times of ${retry.attempts}`);
  const lost = attempts.filter(
    (one) =>
      one.state === "lost" &&
      one.failure !== undefined &&
      (one.failure.class === "lost" || one.failure.class === "runner_lost"),
  );
  const ended = task.f?.class;
  const freeMax = 5;
  if (lost.length > retry.lost + freeMax + 1) world.violate("I12", `${where} was lost ${lost.length} times`);
  if (planTask.onLost === "fail" && lost.length > freeMax + 1)
    world.violate("I12", `${where} was tried again although onLost is fail`);
  const setup = attempts.filter((one) => one.failure?.class === "setup");
  if (setup.length > freeMax + 1) world.violate("I12", `${where} was set up ${setup.length} times`);
  if (run.cancel !== undefined || task.s === "cancelled") return;
  const last = task.f;
  if (task.s === "failed" && ended === "error" && last !== undefined) {
    const excluded = last.exitCode !== undefined && retry.except.includes(`exit:${last.exitCode}`);
    if (!excluded && paid.length < retry.attempts) {
      world.violate("I12", `${where} failed after ${paid.length} of ${retry.attempts} tries`);
    }
  }
  if (
    task.s === "failed" &&
    (ended === "lost" || ended === "runner_lost") &&
    planTask.onLost === "retry" &&
    lost.length <= retry.lost
  ) {
    world.violate("I12", `${where} failed after it was lost ${lost.length} times of ${retry.lost}`);
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
    const isWanted = planTask.hook !== undefined && wanted[run.state]?.includes(planTask.hook) === true;
    const isMade = run.tasks[planTask.position] !== undefined;
    if (isWanted !== isMade)
      world.violate("I14", `run ${run.id} is ${run.state}; hook ${planTask.key}: ${isMade ? "made" : "missing"}`);
  }
}
