// A run's rows as the engine's snapshot. What is counted rather than stored (open needs, open task runs) is counted here.
import {
  isTaskRunEnded,
  type Failure,
  type JsonObject,
  type JsonValue,
  type RunState,
  type TaskRunState,
} from "@capstan/proto";
import type { Plan } from "../../engine/plan.ts";
import {
  noTries,
  type Cancel,
  type Effect,
  type Suspension,
  type LiveAttempt,
  type NeedCounts,
  type Run,
  type RunFailure,
  type TaskRun,
} from "../../engine/snapshot.ts";
import { groupsFromRows } from "./load-groups.ts";

/** `row_to_json` of `runs`: times as ISO 8601 text. */
export interface RunRow {
  readonly project_id: string;
  readonly id: string;
  readonly workflow_id: string;
  readonly number: number;
  readonly digest: string;
  readonly state: RunState;
  readonly version: number;
  readonly event_seq: number;
  readonly priority: number;
  readonly inputs: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly trigger: JsonObject;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly deadline_at: string | null;
  readonly cancel: Cancel | null;
  readonly pause: Run["pause"] | null;
  readonly origin: Run["origin"] | null;
  readonly late: Run["late"] | null;
  readonly outputs: JsonObject | null;
  readonly failure: RunFailure | null;
}

interface Counters {
  readonly tries?: TaskRun["tries"];
  readonly avoid?: readonly string[];
  readonly stopping?: TaskRun["stopping"];
  readonly mark?: TaskRun["mark"];
  readonly flags?: TaskRun["flags"];
  readonly times?: TaskRun["times"];
  readonly suspension?: Suspension;
  readonly effect?: Effect;
  readonly eventSeq?: number;
  readonly map?: { readonly base: number; readonly total: number; readonly stopped?: boolean };
}

export interface TaskRow {
  readonly position: number;
  readonly id: string;
  readonly state: TaskRunState;
  readonly epoch: number;
  readonly attempts: number;
  readonly counters: Counters | null;
  readonly agent_id: string | null;
  readonly created_at: string;
  readonly queued_at: string | null;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly due_at: string | null;
  readonly outputs: JsonObject | null;
  readonly failure: Failure | null;
  readonly reason: TaskRun["reason"] | null;
  /** The list of a group; null for a chain, which has that of the group before it. */
  readonly items: readonly JsonValue[] | null;
}

export interface LiveRow {
  readonly id: string;
  readonly position: number;
  readonly epoch: number;
  readonly agent: string;
  readonly session: number;
  readonly seq: number;
  readonly number: number;
  readonly state: string;
  readonly offered: number;
  readonly started: number | null;
}

export interface RunRows {
  readonly run: RunRow;
  readonly tasks: readonly TaskRow[] | null;
  readonly live: readonly LiveRow[] | null;
  readonly project: string;
}

export function runFromRows(rows: RunRows, plan: Plan): Run {
  const { run } = rows;
  const tasks = new Array<TaskRun | undefined>(plan.tasks.length).fill(undefined);
  const liveAt = new Map((rows.live ?? []).map((live) => [live.position, live]));
  let openTasks = 0;
  let openHooks = 0;
  const indexRows: TaskRun[] = [];
  for (const row of rows.tasks ?? []) {
    const task = taskFromRow(row, liveAt.get(row.position));
    if (row.position >= plan.tasks.length) {
      indexRows.push(task);
      continue;
    }
    tasks[row.position] = task;
    if (isTaskRunEnded(task.state)) continue;
    if (row.position < plan.graphSize) openTasks += 1;
    else openHooks += 1;
  }
  for (let position = 0; position < plan.graphSize; position++) {
    const task = tasks[position];
    if (task !== undefined) tasks[position] = { ...task, needs: countNeeds(plan, tasks, position) };
  }
  const mapped = groupsFromRows(rows.tasks ?? [], indexRows, tasks, plan);
  return {
    projectId: run.project_id,
    project: rows.project,
    id: run.id,
    workflowId: run.workflow_id,
    number: run.number,
    plan,
    state: run.state,
    version: run.version,
    eventSeq: run.event_seq,
    priority: run.priority,
    inputs: run.inputs,
    labels: run.labels,
    trigger: run.trigger,
    createdMs: Date.parse(run.created_at),
    startedMs: ms(run.started_at),
    endedMs: ms(run.ended_at),
    deadlineMs: ms(run.deadline_at) ?? Date.parse(run.created_at) + plan.timeoutMs,
    cancel: run.cancel ?? undefined,
    pause: run.pause ?? undefined,
    late: run.late ?? undefined,
    origin: run.origin ?? undefined,
    outputs: run.outputs ?? undefined,
    failure: run.failure ?? undefined,
    tasks,
    ...mapped,
    openTasks,
    openHooks,
  };
}

const ms = (time: string | null): number | undefined => (time === null ? undefined : Date.parse(time));

function taskFromRow(row: TaskRow, live: LiveRow | undefined): TaskRun {
  const counters = row.counters ?? {};
  return {
    id: row.id,
    position: row.position,
    state: row.state,
    epoch: row.epoch,
    attempts: row.attempts,
    tries: counters.tries ?? noTries,
    needs: { open: 0, ok: 0, tolerated: 0, fail: 0, cancel: 0, skip: 0 },
    live: live === undefined ? undefined : liveFromRow(live, counters.eventSeq ?? 0),
    agentId: row.agent_id ?? undefined,
    avoid: counters.avoid ?? [],
    createdMs: Date.parse(row.created_at),
    queuedMs: ms(row.queued_at),
    startedMs: ms(row.started_at),
    endedMs: ms(row.ended_at),
    dueMs: ms(row.due_at),
    stopping: counters.stopping,
    mark: counters.mark,
    flags: counters.flags,
    times: counters.times,
    suspension: counters.suspension,
    effect: counters.effect ?? (row.state === "succeeded" ? "ok" : undefined),
    outputs: row.outputs ?? undefined,
    failure: row.failure ?? undefined,
    reason: row.reason ?? undefined,
    map: undefined,
  };
}

const liveFromRow = (row: LiveRow, eventSeq: number): LiveAttempt => ({
  id: row.id,
  number: row.number,
  epoch: row.epoch,
  agentId: row.agent,
  session: row.session,
  seq: row.seq,
  state: row.state === "offered" ? "offered" : "running",
  offeredMs: row.offered,
  startedMs: row.started ?? undefined,
  eventSeq,
});

function countNeeds(plan: Plan, tasks: readonly (TaskRun | undefined)[], position: number): NeedCounts {
  const counts = { open: 0, ok: 0, tolerated: 0, fail: 0, cancel: 0, skip: 0 };
  for (const need of plan.tasks[position]?.needs ?? []) {
    const effect = tasks[need]?.effect;
    counts[effect ?? "open"] += 1;
  }
  return counts;
}
