// A run and its task runs as `row_to_json` gives them to a load (database/store/load-run.ts): for what has them in memory.
import type { RunRow, TaskRow } from "../database/store/load-run.ts";
import type { Run, TaskRun } from "../engine/snapshot.ts";

const iso = (atMs: number): string => new Date(atMs).toISOString();
const isoOrNull = (atMs: number | undefined): string | null => (atMs === undefined ? null : iso(atMs));

type RunFields = Omit<
  Run,
  "project" | "plan" | "deadlineMs" | "tasks" | "groups" | "indexRuns" | "openTasks" | "openHooks"
> & {
  readonly plan: { readonly digest: string };
  readonly deadlineMs: number | undefined;
};

export const runRowOf = (run: RunFields): RunRow => ({
  project_id: run.projectId,
  id: run.id,
  workflow_id: run.workflowId,
  number: run.number,
  digest: run.plan.digest,
  state: run.state,
  version: run.version,
  event_seq: run.eventSeq,
  priority: run.priority,
  inputs: run.inputs,
  labels: run.labels,
  trigger: run.trigger,
  created_at: iso(run.createdMs),
  started_at: isoOrNull(run.startedMs),
  ended_at: isoOrNull(run.endedMs),
  deadline_at: isoOrNull(run.deadlineMs),
  cancel: run.cancel ?? null,
  pause: run.pause ?? null,
  late: run.late ?? null,
  origin: run.origin ?? null,
  outputs: run.outputs ?? null,
  failure: run.failure ?? null,
});

type TaskFields = Pick<
  TaskRun,
  | "position"
  | "id"
  | "state"
  | "epoch"
  | "attempts"
  | "agentId"
  | "createdMs"
  | "queuedMs"
  | "startedMs"
  | "endedMs"
  | "dueMs"
  | "outputs"
  | "failure"
  | "reason"
>;

export const taskRowOf = (task: TaskFields, kept: Pick<TaskRow, "counters" | "items">): TaskRow => ({
  position: task.position,
  id: task.id,
  state: task.state,
  epoch: task.epoch,
  attempts: task.attempts,
  counters: kept.counters,
  agent_id: task.agentId ?? null,
  created_at: iso(task.createdMs),
  queued_at: isoOrNull(task.queuedMs),
  started_at: isoOrNull(task.startedMs),
  ended_at: isoOrNull(task.endedMs),
  due_at: isoOrNull(task.dueMs),
  outputs: task.outputs ?? null,
  failure: task.failure ?? null,
  reason: task.reason ?? null,
  items: kept.items,
});
