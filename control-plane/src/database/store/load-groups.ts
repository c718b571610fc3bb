// Mapped tasks from their rows: where their indexes are, and counters that are counted again.
import { controlPlaneActions, isTaskRunEnded } from "@capstan/proto";
import {
  counted,
  newMapState,
  outputBytesOf,
  waitsForTurn,
  withTurn,
  type GroupPlace,
  type MapState,
} from "../../engine/group.ts";
import { PagesDraft } from "../../engine/pages.ts";
import type { Plan } from "../../engine/plan.ts";
import type { Run, TaskRun } from "../../engine/snapshot.ts";
import type { TaskRow } from "./load-run.ts";

/**
 * Groups and their index task runs. Puts the state of each group into its task run.
 * @param indexRows task runs behind the plan, in the order of their positions
 * @param tasks task runs of the plan; changed here
 */
export function groupsFromRows(
  rows: readonly TaskRow[],
  indexRows: readonly TaskRun[],
  tasks: (TaskRun | undefined)[],
  plan: Plan,
): Pick<Run, "indexRuns" | "groups"> {
  const pages = new PagesDraft<TaskRun>([]);
  for (const run of indexRows) pages.set(run.position - plan.tasks.length, run);
  const indexRuns = pages.done();
  const rowAt = new Map(rows.map((row) => [row.position, row]));
  const groups = rows
    .flatMap(({ position, counters }): GroupPlace[] =>
      counters?.map === undefined ? [] : [{ position, base: counters.map.base, size: counters.map.total }],
    )
    // As they were opened: one without indexes has the base of the one after it.
    .sort((a, b) => a.base - b.base || a.size - b.size);
  let from = 0;
  // A group before the chain that follows it, whose base is behind.
  for (const group of groups) {
    const task = tasks[group.position];
    const stopped = rowAt.get(group.position)?.counters?.map?.stopped ?? false;
    if (task === undefined) continue;
    const own: TaskRun[] = [];
    for (
      let run = indexRows[from];
      run !== undefined && run.position < group.base + group.size;
      run = indexRows[++from]
    ) {
      own.push(run);
    }
    const head = plan.tasks[group.position]?.mapping?.head;
    const items = head === undefined ? (rowAt.get(group.position)?.items ?? []) : (tasks[head]?.map?.items ?? []);
    const carriedHere = controlPlaneActions.has(plan.tasks[group.position]?.executor ?? "");
    const map = countedFromRows({ ...newMapState(group.base, items), stopped }, own, carriedHere);
    tasks[group.position] = {
      ...task,
      map: head === undefined ? map : withTurnsOfChain(map, own, tasks[head], indexRows),
    };
  }
  return { indexRuns, groups };
}

function countedFromRows(start: MapState, runs: readonly TaskRun[], carriedHere: boolean): MapState {
  let map = start;
  let first: TaskRun | undefined;
  let outputBytes = 0;
  for (const run of runs) {
    map = counted(counted(map, undefined, "waiting", carriedHere), "waiting", run.state, carriedHere);
    if (run.state === "succeeded") outputBytes += outputBytesOf(run.outputs ?? {});
    const failed = run.state === "failed" || run.state === "timed_out";
    if (failed && (first === undefined || (run.endedMs ?? 0) < (first.endedMs ?? 0))) first = run;
    if (waitsForTurn(run)) map = withTurn(map, run.position - map.base);
  }
  const at =
    first === undefined
      ? undefined
      : { index: first.position - map.base, attempt: first.attempts, agentId: first.agentId };
  return { ...map, first: at, outputBytes };
}

/** Indexes of a chain that may begin, because the same index before them has ended. */
function withTurnsOfChain(
  start: MapState,
  own: readonly TaskRun[],
  head: TaskRun | undefined,
  indexRows: readonly TaskRun[],
): MapState {
  if (head?.map === undefined) return start;
  const made = new Set(own.map((run) => run.position - start.base));
  const before = new Map<number, TaskRun>();
  for (const run of indexRows) {
    const index = run.position - head.map.base;
    if (index >= 0 && index < start.items.length) before.set(index, run);
  }
  const over = isTaskRunEnded(head.state);
  let map = start;
  for (let index = 0; index < start.items.length; index++) {
    const run = before.get(index);
    if (made.has(index)) continue;
    if (run === undefined ? over : isTaskRunEnded(run.state)) map = withTurn(map, index);
  }
  return map;
}
