// I1, I11: what must be true of the rows of a run after every write that touched it.
import { controlPlaneActions, isTaskRunEnded, reasonCodes } from "@capstan/proto";
import { demandsOf } from "../../control-plane/src/engine/limit-demand.ts";
import type { Run } from "../../control-plane/src/engine/snapshot.ts";
import { indexesOf, placeOf, planTaskOf } from "./places.ts";
import type { StoredRun, StoredTask } from "./rows.ts";
import type { SimDatabase } from "./sim-database.ts";
import type { World } from "./world.ts";

const codes: ReadonlySet<string> = new Set(Object.keys(reasonCodes));

/** Every row that has not ended waits for something that will come, and what is held belongs to somebody. */
export function checkRows(world: World, database: SimDatabase, run: StoredRun): void {
  for (const task of run.tasks) if (task !== undefined) checkTask(world, database, run, task);
  for (const group of run.groups) checkGroup(world, run, group);
  checkStanding(world, database, run);
  if (
    run.endedMs === undefined &&
    run.state !== "paused" &&
    run.startedMs !== undefined &&
    run.tasks.every((task, at) => at >= run.plan.graphSize || (task !== undefined && isTaskRunEnded(task.s)))
  ) {
    world.violate("I1", `run ${run.id} has nothing left to wait for and is ${run.state}`);
  }
  if (
    run.endedMs === undefined &&
    run.cancel !== undefined &&
    !database.timers.has(`${run.id} -1 cleanup`) &&
    !run.cancel.force
  ) {
    // The timer has fired: everything was told to stop.
    const goesOn = run.tasks.some(
      (task) =>
        task !== undefined &&
        task.o < run.plan.graphSize &&
        (task.s === "waiting" || task.s === "queued" || task.s === "retrying"),
    );
    if (goesOn) world.violate("I1", `run ${run.id} is being cancelled, its time for cleanup is over, and work is left`);
  }
}

function checkTask(world: World, database: SimDatabase, run: StoredRun, task: StoredTask): void {
  const where = `task run ${run.id} ${task.o}`;
  const queued = database.queue.has(`${run.id} ${task.o}`);
  const live = task.at === undefined ? undefined : database.live.get(task.at);
  const code = task.re?.code;
  const full = code === "limit_reached" && isFull(run, task.o);
  switch (task.s) {
    case "waiting":
      if (isReady(run, task)) world.violate("I1", `${where} waits for nothing`);
      break;
    case "queued": {
      const backs = code === "dispatch_backoff" && database.timers.has(`${run.id} ${task.o} dispatch_backoff`);
      const held = run.state === "paused" && code === "run_paused";
      const { suspension } = task.c ?? {};
      const asks = suspension?.kind === "cache" && !suspension.held && database.timers.has(`${run.id} ${task.o} cache`);
      if (!queued && code !== "parked" && !backs && !held && !asks)
        world.violate("I1", `${where} is queued and in no queue`);
      if (queued && code === "run_paused") world.violate("I1", `${where} is held by a pause and in the queue`);
      break;
    }
    case "dispatched":
    case "running":
    case "cancelling":
      if (task.c?.map !== undefined) break;
      if (live === undefined || live.epoch !== task.e)
        world.violate("I1", `${where} is ${task.s} without a live attempt`);
      break;
    case "retrying":
      if (!full && !database.timers.has(`${run.id} ${task.o} retry`))
        world.violate("I1", `${where} is retrying without a timer`);
      break;
    case "suspended":
      checkSuspended(world, database, run, task, full);
      break;
    default:
      break;
  }
  // What does not run says why.
  if ((task.s === "retrying" || task.s === "suspended") && (code === undefined || !codes.has(code)))
    world.violate("I1", `${where} is ${task.s} and its reason is ${code ?? "none"}`);
  if (queued && task.s !== "queued") world.violate("I11", `${where} is ${task.s} and in the queue`);
  if (live === undefined) return;
  if (task.s !== "dispatched" && task.s !== "running" && task.s !== "cancelling") {
    world.violate("I11", `${where} is ${task.s} and has a live attempt`);
  }
  const planTask = planTaskOf(run, task.o);
  if (planTask?.isLimited !== true || placeOf(run, task.o) !== undefined) return;
  for (const { key } of demandsOf(run as unknown as Run, planTask)) {
    // reads workflow, plan and inputs
    const hold = database.holds.get(`${live.id} ${key}`);
    const isOver = hold === undefined && database.limits.get(key.slice("limit:".length))?.perMs !== undefined;
    if (hold === undefined && !isOver) world.violate("I11", `attempt ${live.id} lives without its share of ${key}`);
  }
}

function checkSuspended(world: World, database: SimDatabase, run: StoredRun, task: StoredTask, full: boolean): void {
  const where = `task run ${run.id} ${task.o}`;
  if (full || task.re?.code === "retries_exhausted") return;
  if (!database.timers.has(`${run.id} ${task.o} suspended`))
    world.violate("I1", `${where} is suspended without a timer`);
  const { suspension } = task.c ?? {};
  if (suspension === undefined) return world.violate("I1", `${where} is suspended and waits for nothing`);
  if (suspension.kind !== "child") return;
  const child = database.runs.get(suspension.runId);
  const comes =
    child === undefined
      ? database.timers.has(`${run.id} ${task.o} child_start`)
      : child.endedMs === undefined || database.timers.has(`${run.id} ${task.o} child_end`);
  if (!comes) world.violate("I1", `${where} waits for its child ${suspension.runId}, of which nothing comes any more`);
}

const isBusy = (task: StoredTask, carriedHere: boolean): boolean =>
  task.s === "queued" ||
  task.s === "dispatched" ||
  task.s === "running" ||
  task.s === "cancelling" ||
  (carriedHere && task.s === "suspended");

function busyOf(run: StoredRun, group: StoredRun["groups"][number]): number {
  const carriedHere = controlPlaneActions.has(run.plan.tasks[group.position]?.executor ?? "");
  return indexesOf(run, group).filter((task) => isBusy(task, carriedHere)).length;
}

/** An index waits for a place, and none is free. */
function isFull(run: StoredRun, position: number): boolean {
  const group = placeOf(run, position);
  const max = group === undefined ? undefined : run.plan.tasks[group.position]?.mapping?.maxParallel;
  return group !== undefined && max !== undefined && busyOf(run, group) >= max;
}

/** I11: never more than `maxParallel` at work, and not fewer where more could be. */
function checkGroup(world: World, run: StoredRun, group: StoredRun["groups"][number]): void {
  const task = run.tasks[group.position];
  const mapping = run.plan.tasks[group.position]?.mapping;
  if (task === undefined || mapping === undefined) return;
  const where = `${run.id} ${run.plan.tasks[group.position]?.key}`;
  const made = indexesOf(run, group);
  const busy = busyOf(run, group);
  if (busy > mapping.maxParallel)
    world.violate("I11", `${where} has ${busy} indexes at work of ${mapping.maxParallel}`);
  if (isTaskRunEnded(task.s)) {
    const open = made.find((one) => !isTaskRunEnded(one.s));
    if (open !== undefined)
      world.violate("I1", `${where} has ended, and its index ${open.o - group.base} is ${open.s}`);
    return;
  }
  const stopped = task.c?.map?.stopped === true || task.s === "cancelling";
  if (!stopped && busy < mapping.maxParallel && made.length < group.size)
    world.violate(
      "I1",
      `${where} has ${busy} indexes at work of ${mapping.maxParallel}, and ${group.size - made.length} wait`,
    );
  if (made.every((one) => isTaskRunEnded(one.s)) && (stopped || made.length === group.size))
    world.violate("I1", `${where} is ${task.s}, and all its indexes have ended`);
}

/** I11: who stands in a concurrency group, and who must not. */
function checkStanding(world: World, database: SimDatabase, run: StoredRun): void {
  const row = database.groups.get(run.id);
  // One that may not begin yet, because its workflow or its parent is paused, stands in a group that has room for all.
  const isHeld = row?.key.startsWith("held:") === true;
  if (run.endedMs !== undefined || (run.plan.document.concurrency === undefined && !isHeld)) {
    if (row !== undefined) world.violate("I11", `run ${run.id} is ${run.state} and stands in a group`);
    return;
  }
  const wanted = run.startedMs === undefined ? ["waiting", "superseded"] : ["active"];
  if (row === undefined || !wanted.includes(row.state))
    world.violate("I11", `run ${run.id} is ${run.state} and ${row?.state ?? "missing"} in its group`);
}

/** All its needs have ended: somebody should have asked its join. */
const isReady = (run: StoredRun, task: StoredTask): boolean =>
  (run.plan.tasks[task.o]?.needs ?? []).every((need) => {
    const state = run.tasks[need]?.s;
    return state !== undefined && isTaskRunEnded(state);
  });

/** I11: no limit gives more than it has, no group lets more go on than it may. */
export function checkLimits(world: World, database: SimDatabase): void {
  const nowMs = database.nowMs();
  const used = new Map<string, number>();
  for (const { key, weight, untilMs, runId, position, attemptId } of database.holds.values()) {
    if (untilMs === undefined && !database.live.has(attemptId))
      world.violate("I11", `${attemptId} has ended and holds of ${key}`);
    if (untilMs !== undefined && untilMs <= nowMs) continue;
    const sum = (used.get(key) ?? 0) + weight;
    used.set(key, sum);
    const run = database.runs.get(runId);
    const own = run === undefined ? undefined : planTaskOf(run, position)?.task.concurrency;
    const capacity = key.startsWith("limit:") ? database.limits.get(key.slice(6))?.capacity : (own?.limit ?? 1);
    if (sum > (capacity ?? 0)) world.violate("I11", `${sum} of ${capacity} are held of ${key}`);
  }
  const active = new Map<string, number>();
  for (const { key, state, capacity } of database.groups.values()) {
    if (state !== "active") continue;
    const sum = (active.get(key) ?? 0) + 1;
    active.set(key, sum);
    if (sum > capacity) world.violate("I11", `${sum} runs of ${capacity} go on in ${key}`);
  }
}
