// Rows as the API shows them.
import {
  actionKindOf,
  formatTime,
  idFromUuid,
  isTaskRunEnded,
  parseHookKey,
  parseIndexKey,
  runName,
  taskOf,
  type AttemptView,
  type CanonicalWorkflow,
  type Failure,
  type JsonObject,
  type JsonValue,
  type MappedView,
  type RunEventView,
  type RunSummary,
  type RunView,
  type TaskRunView,
} from "@capstan/proto";
import type { ReusedFrom, RunOrigin } from "../engine/again.ts";
import type { AttemptRecord, EventRecord, IndexCount, RunRecord, TaskRecord } from "./run.store.ts";

// JSON of the database is deeply readonly to us; the schemas' types are not. The values are the same.
const json = <T>(value: unknown): T => value as T;

export function runSummary(run: RunRecord): RunSummary {
  return {
    id: idFromUuid("run", run.id),
    name: runName(run.workflow, run.number),
    workflow: run.workflow,
    number: run.number,
    digest: run.digest,
    state: run.state,
    trigger: json(triggerView(run.trigger)),
    labels: json(run.labels),
    priority: run.priority,
    createdAt: run.created,
    startedAt: run.started,
    endedAt: run.ended,
    failure: failureView(run.failure),
  };
}

/** What asked for the run, without what only the engine wants. */
function triggerView({
  parent,
  children: _children,
  vars: _vars,
  early: _early,
  scheduledMs,
  windowStartMs,
  chain: _chain,
  event: _event,
  run,
  body: _body,
  headers: _headers,
  query: _query,
  ...more
}: JsonObject): JsonObject {
  // A child names its parent's run; what else stands there may be large, and its outputs are not for everybody.
  const rest = typeof run === "string" ? { ...more, run } : more;
  const shown = typeof scheduledMs === "number" ? { ...rest, ...tickView(scheduledMs, windowStartMs) } : rest;
  return parent === undefined ? shown : { ...shown, isChild: true };
}

const tickView = (scheduledMs: number, windowStartMs: JsonValue | undefined): JsonObject => ({
  scheduledAt: formatTime(scheduledMs),
  window: {
    start: formatTime(typeof windowStartMs === "number" ? windowStartMs : scheduledMs),
    end: formatTime(scheduledMs),
  },
});

export const runView = (run: RunRecord): RunView => ({
  ...runSummary(run),
  version: run.version ?? 0,
  overrides: json(run.overrides),
  deadlineAt: run.deadline,
  inputs: json(run.inputs),
  outputs: json(run.outputs),
  cancel: json(run.cancel),
  attempt: run.origin?.attempt ?? 1,
  origin: originView(run.origin ?? undefined),
  late: [...(run.late ?? [])],
  pause: pauseView(run.pause),
  taskCounts: json(run.taskCounts ?? {}),
});

export function originView(origin: RunOrigin | undefined): RunView["origin"] {
  if (origin === undefined) return null;
  const { kind, runId, name, actor, mode } = origin;
  return { kind, run: idFromUuid("run", runId), name, actor, ...(mode === undefined ? {} : { mode }) };
}

function pauseView(pause: RunRecord["pause"]): RunView["pause"] {
  const current = pause?.current;
  if (current === undefined) return null;
  return { actor: current.actor, reason: current.reason, at: new Date(current.atMs).toISOString() };
}

export function taskRunView(
  task: TaskRecord,
  document: CanonicalWorkflow | undefined,
  mapped?: MappedView,
): TaskRunView {
  const definition = document === undefined ? undefined : taskOf(document, task.key);
  return {
    id: idFromUuid("tr", task.id),
    task: task.key,
    index: parseIndexKey(task.key)?.index ?? 0,
    position: task.position,
    hook: parseHookKey(task.key) !== undefined,
    title: definition?.title ?? null,
    action: definition === undefined ? "" : actionKindOf(definition.action),
    needs: [...(definition?.needs ?? [])],
    state: task.state,
    attempts: task.attempts,
    epoch: task.epoch,
    agent: task.agentId === null ? null : { id: idFromUuid("ag", task.agentId), name: task.agent ?? "" },
    createdAt: task.created,
    queuedAt: task.queued,
    startedAt: task.started,
    endedAt: task.ended,
    dueAt: task.due,
    outputs: json(task.outputs),
    failure: failureView(task.failure),
    reason: task.reason === null ? null : { ...json<JsonObject>(task.reason), code: task.reason.code },
    mapped: mapped ?? null,
    late: [...(task.flags?.late ?? [])],
    reused: originOf(task.flags?.reused),
    cached: originOf(task.flags?.cached),
    marked: task.flags?.marked ?? null,
  };
}

const originOf = (from: ReusedFrom | undefined): TaskRunView["reused"] =>
  from === undefined ? null : { run: idFromUuid("run", from.runId), name: from.run };

/** How the indexes of a mapped task stand. Those without a task run have not begun, or were cancelled with their group. */
export function mappedView(task: TaskRecord, counts: readonly IndexCount[]): MappedView {
  const view = {
    total: task.map?.total ?? 0,
    waiting: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    skipped: 0,
    cancelled: 0,
  };
  let made = 0;
  for (const { key, state, count } of counts) {
    if (key !== task.key) continue;
    made += count;
    if (state === "timed_out") view.failed += count;
    else if (state === "succeeded" || state === "failed" || state === "skipped" || state === "cancelled")
      view[state] += count;
    else view.running += count;
  }
  view[isTaskRunEnded(task.state) || task.state === "cancelling" ? "cancelled" : "waiting"] += view.total - made;
  return view;
}

export function attemptView(attempt: AttemptRecord): AttemptView {
  const result = attempt.result ?? {};
  const text = (key: string): string | null => (typeof result[key] === "string" ? result[key] : null);
  return {
    id: idFromUuid("att", attempt.id),
    task: attempt.key,
    number: attempt.number,
    epoch: attempt.epoch,
    state: attempt.state,
    agent: { id: idFromUuid("ag", attempt.agentId), name: attempt.agent },
    offeredAt: attempt.offered,
    startedAt: attempt.started,
    endedAt: attempt.ended,
    exitCode: typeof result["exitCode"] === "number" ? result["exitCode"] : null,
    signal: text("signal"),
    summary: text("summary"),
    failure: failureView(attempt.failure),
    log: attempt.log,
  };
}

export function eventView(event: EventRecord): RunEventView {
  const { attempt, agent, detail, ...item } = event.item;
  return {
    seq: event.seq,
    at: event.at,
    ...item,
    ...(attempt === undefined ? {} : { attempt: idFromUuid("att", attempt) }),
    ...(agent === undefined ? {} : { agent: idFromUuid("ag", agent) }),
    ...(detail === undefined ? {} : { detail: json(detail) }),
  };
}

/** The fields that the API promises, and none of those that only the engine wants. */
export function failureView(
  failure: (Failure & { readonly task?: string; readonly index?: number }) | null,
): RunSummary["failure"] {
  if (failure === null) return null;
  const { class: kind, code, message, exitCode, signal, type, file, line, task, index } = failure;
  return {
    class: kind,
    code,
    message,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
    ...(type === undefined ? {} : { type }),
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    ...(task === undefined ? {} : { task }),
    ...(index === undefined ? {} : { index }),
  };
}
