// Drafts as rows: what one statement writes for many runs. `batch-columns.ts` has the columns, and
// `database/sql/commit-batch.sql` names them.
import { runName } from "@capstan/proto";
import type { AttemptRow, Draft } from "../engine/draft.ts";
import type { HistoryItem } from "../engine/event.ts";
import type { MapState } from "../engine/group.ts";
import { isHeld } from "../engine/pause.ts";
import { nameAt, planTaskAt, taskAt, type Run, type TaskRun } from "../engine/snapshot.ts";
import type { Lane } from "../dispatch/sessions.ts";
import type { BatchRow } from "./batch-columns.ts";
import type { RunGroup, Superseded } from "../engine/concurrency.ts";
import type { LimitHold } from "../engine/limit.ts";
import { selectorHash, selectorOf } from "./lane.ts";
import type { StartRun } from "./commit.ts";

export interface DedupeRow {
  readonly p: string;
  readonly w: string;
  readonly k: string;
  readonly r: string;
  /** The idempotency key of the start, if it has one: its caller and itself. */
  readonly c: string | undefined;
  readonly i: string | undefined;
  /** Its place in the batch. */
  readonly n: number;
}

export interface BatchRows {
  readonly starts: BatchRow<"starts">[];
  readonly advances: BatchRow<"advances">[];
  /** One fence per session or lane, with the runs that rest on it. */
  readonly sessionFences: Map<string, { p: string; a: string; se: number; rs: string[] }>;
  readonly laneFences: Map<string, { p: string; l: string; rs: string[] }>;
  readonly tasks: BatchRow<"tasks">[];
  readonly attempts: BatchRow<"attempts">[];
  readonly queue: BatchRow<"queue">[];
  readonly timers: BatchRow<"timers">[];
  readonly lanes: { p: string; l: string; po: string; h: string; se: object }[];
  /** What new attempts take of limits, and which ended attempts give back what they hold. */
  readonly holds: object[];
  readonly frees: object[];
  /** Runs that join a concurrency group or are admitted, and those that leave one. */
  readonly groups: object[];
  readonly groupsLeft: object[];
  /** Task runs with `cache` that ended: the keys they leave, and what is kept of them. */
  readonly cacheEnds: object[];
  /** Keys of which one run at a time may go on, as new runs ask for them. */
  readonly dedupes: DedupeRow[];
  /** A timer or a hand-over is due as soon as it is written. */
  isDue: boolean;
  /** What the rows of `starts`, `tasks` and `attempts` need of the statement, beside themselves. */
  readonly kinds: Set<
    | "keys"
    | "claims"
    | "numbers"
    | "tasksMade"
    | "tasksMoved"
    | "attemptsMade"
    | "attemptsMoved"
    | "attemptsEnded"
    | "items"
    | "runsMore"
    | "runsAgain"
  >;
}

export const emptyBatch = (): BatchRows => ({
  starts: [],
  advances: [],
  sessionFences: new Map(),
  laneFences: new Map(),
  tasks: [],
  attempts: [],
  queue: [],
  timers: [],
  lanes: [],
  holds: [],
  frees: [],
  groups: [],
  groupsLeft: [],
  cacheEnds: [],
  dedupes: [],
  isDue: false,
  kinds: new Set(),
});

/** Where the ready task runs of a draft go: to a session at once, or to the queue of a lane. */
export interface Placed {
  readonly position: number;
  readonly lane: Lane;
  readonly direct: { readonly agentId: string; readonly session: number } | undefined;
  /** Its turn within the lane, where it is queued. */
  readonly pass: number;
}

/** How a run stands in its concurrency group after this commit, and whom it sends away. */
export interface GroupJoin {
  readonly group: RunGroup;
  readonly supersede: Superseded;
}

export interface BatchEntry {
  readonly draft: Draft;
  /** The next snapshot, as draft.snapshot() made it. */
  readonly after: Run;
  readonly placed: readonly Placed[];
  /** Sessions that events of this draft rest on. */
  readonly reporters: readonly { readonly agentId: string; readonly session: number }[];
  /** For a new run. */
  readonly start: StartRun | undefined;
  /** What was granted to claims, by position. */
  readonly holds: ReadonlyMap<number, readonly LimitHold[]>;
  /** Of a run that joins a concurrency group, or is admitted. */
  readonly joins: GroupJoin | undefined;
  readonly order: number;
}

/** Time between the runner's own timeout and the control plane's: grace, and a minute to say so. */
const backstopMs = 60_000;

/** Appends one draft's rows to a batch. */
export function addToBatch(rows: BatchRows, entry: BatchEntry, knownLanes: ReadonlySet<string>): void {
  const { draft, after, start } = entry;
  const p = after.projectId;
  const r = after.id;
  const { history } = draft;
  if (start !== undefined) {
    rows.starts.push(startRow(after, start, entry.order, history));
    if (start.idempotency !== undefined) rows.kinds.add("keys");
    if (start.again !== undefined || after.pause !== undefined) rows.kinds.add("runsAgain");
    if (start.claim !== undefined) rows.kinds.add("claims");
    if (start.number !== undefined) rows.kinds.add("numbers");
    if (start.dedupeKey !== undefined) rows.dedupes.push(dedupeRow(after, start, start.dedupeKey, entry.order));
  } else {
    const more = runMore(draft.before, after);
    if (more !== undefined) rows.kinds.add("runsMore");
    rows.advances.push({
      p,
      r,
      v: draft.before?.version,
      s: after.state,
      es: after.eventSeq,
      st: after.startedMs,
      en: after.endedMs,
      cn: after.cancel,
      ou: after.outputs,
      f: after.failure,
      ...more,
      ...(history.length === 0 ? {} : { fs: after.eventSeq - history.length + 1, h: draft.around.nowMs, it: history }),
    });
  }
  const { joins } = entry;
  if (after.endedMs !== undefined) {
    if (draft.before !== undefined && draft.before.endedMs === undefined && mayStandInGroup(draft.before))
      rows.groupsLeft.push({ p, r });
  } else if (joins !== undefined && after.startedMs !== undefined && after.plan.document.concurrency === undefined) {
    // It waited only for a pause to end.
    rows.groupsLeft.push({ p, r });
  } else if (joins !== undefined) {
    const s = after.startedMs === undefined ? "waiting" : "active";
    const su = joins.supersede === "none" ? undefined : joins.supersede;
    rows.groups.push({ p, r, k: joins.group.key, c: joins.group.limit, s, su });
  }
  const fence = (agentId: string, session: number): void => {
    const key = `${agentId}:${session}`;
    const known = rows.sessionFences.get(key);
    if (known === undefined) rows.sessionFences.set(key, { p, a: agentId, se: session, rs: [r] });
    else if (known.rs.at(-1) !== r) known.rs.push(r);
  };
  for (const reporter of entry.reporters) fence(reporter.agentId, reporter.session);

  const queued = new Map<number, Placed>();
  for (const placed of entry.placed) {
    if (placed.direct === undefined) queued.set(placed.position, placed);
    else {
      fence(placed.direct.agentId, placed.direct.session);
      const { laneId } = placed.lane;
      const known = rows.laneFences.get(laneId);
      if (known === undefined) rows.laneFences.set(laneId, { p, l: laneId, rs: [r] });
      else known.rs.push(r);
    }
    if (!knownLanes.has(placed.lane.laneId)) {
      const { lane } = placed;
      rows.lanes.push({ p, l: lane.laneId, po: lane.poolId, h: selectorHash(lane), se: selectorOf(lane) });
    }
  }
  for (const position of draft.changed) {
    const task = taskAt(after, position);
    if (task === undefined) continue;
    const earlier = draft.before === undefined ? undefined : taskAt(draft.before, position);
    rows.tasks.push(taskRow(p, r, after, task, earlier));
    rows.kinds.add(earlier === undefined ? "tasksMade" : "tasksMoved");
    if (task.map !== undefined && earlier?.map === undefined) rows.kinds.add("items");
    const placed = queued.get(position);
    if (placed !== undefined && task.state === "queued") {
      rows.queue.push({
        p,
        r,
        o: position,
        l: placed.lane.laneId,
        pr: planTaskAt(after, position)?.priority ?? after.priority,
        pa: placed.pass,
        le: planTaskAt(after, position)?.leaseMs,
        q: task.queuedMs,
        ...(task.avoid.length === 0 ? {} : { av: task.avoid }),
      });
    } else if (earlier?.state === "queued" && (task.state !== "queued" || isHeld(task))) {
      rows.queue.push({ d: true, p, r, o: position });
    }
  }
  for (const attempt of draft.attempts.values()) {
    rows.attempts.push(attemptRow(p, r, after, attempt, draft.around.nowMs));
    rows.kinds.add(attempt.endedMs !== undefined ? "attemptsEnded" : attempt.isNew ? "attemptsMade" : "attemptsMoved");
    if (attempt.endedMs !== undefined) {
      if (!attempt.isNew && draft.planTask(attempt.position).isLimited) rows.frees.push({ p, r, i: attempt.id });
    } else if (attempt.isNew) {
      for (const hold of entry.holds.get(attempt.position) ?? []) {
        const { key, weight, untilMs } = hold;
        rows.holds.push({
          p,
          r,
          o: attempt.position,
          i: attempt.id,
          k: key,
          w: weight,
          of: attempt.offeredMs,
          un: untilMs,
        });
      }
    }
  }
  for (const timer of draft.timers.values()) {
    if (timer.dueMs !== undefined && timer.dueMs <= draft.around.nowMs) rows.isDue = true;
    // A cleared timer that was never set costs a look-up that finds nothing.
    rows.timers.push({ p, r, o: timer.position, k: timer.kind, du: timer.dueMs, b: timer.body, aw: timer.awaits });
  }
  for (const { position, key, kept } of draft.cacheEnds) {
    rows.isDue = true;
    const what =
      kept === undefined
        ? {}
        : { ou: kept.outputs, fi: kept.files, tt: kept.ttlMs, rn: runName(after.plan.document.name, after.number) };
    rows.cacheEnds.push({ p, r, o: position, k: key, ...what });
  }
  for (const told of draft.handOvers) {
    rows.isDue = true;
    rows.timers.push({ p, r, tr: told.runId, o: told.position, k: told.kind, du: draft.around.nowMs, b: told.body });
  }
}

/** One that has not begun may have been held without `concurrency`. */
const mayStandInGroup = (before: Run): boolean =>
  before.startedMs === undefined || before.plan.document.concurrency !== undefined;

/** What seldom changes about a run: written only by a statement whose batch has such a change. */
function runMore(before: Run | undefined, after: Run): BatchRow<"advances"> | undefined {
  const isSame =
    before?.pause === after.pause && before?.late === after.late && before?.deadlineMs === after.deadlineMs;
  if (isSame) return undefined;
  return { pa: after.pause, la: after.late, dl: after.deadlineMs };
}

/** What a reload cannot count from the rows of the indexes. */
const mapRow = ({ base, items, stopped }: MapState): object => ({
  base,
  total: items.length,
  ...(stopped ? { stopped } : {}),
});

function attemptRow(p: string, r: string, after: Run, attempt: AttemptRow, nowMs: number): BatchRow<"attempts"> {
  const planTask = planTaskAt(after, attempt.position);
  const timeoutMs = planTask?.timeoutMs;
  const ends = { s: attempt.state, st: attempt.startedMs, en: attempt.endedMs, f: attempt.failure, re: attempt.result };
  const offeredAs = { nu: attempt.number, e: attempt.epoch, se: attempt.session, of: attempt.offeredMs };
  if (!attempt.isNew) {
    const backstop =
      attempt.endedMs !== undefined || timeoutMs === undefined || attempt.startedMs === undefined
        ? {}
        : // From when the start was heard: its own time is that of the agent's clock, which may say anything.
          { b: nowMs + timeoutMs + (planTask?.graceMs ?? 0) + backstopMs };
    const whole = attempt.endedMs === undefined ? {} : offeredAs;
    return { p, r, o: attempt.position, i: attempt.id, ag: attempt.agentId, ...whole, ...ends, ...backstop };
  }
  return {
    n: true,
    p,
    r,
    o: attempt.position,
    i: attempt.id,
    ag: attempt.agentId,
    ...offeredAs,
    sq: attempt.seq,
    l: planTask?.leaseMs,
    ...ends,
  };
}

function startRow(after: Run, start: StartRun, order: number, history: readonly HistoryItem[]): BatchRow<"starts"> {
  return {
    p: after.projectId,
    r: after.id,
    w: after.workflowId,
    wn: after.plan.document.name,
    nu: start.number,
    d: after.plan.digest,
    s: after.state,
    es: after.eventSeq,
    pr: after.priority,
    inp: after.inputs,
    lab: after.labels,
    tr: after.trigger,
    og: after.origin,
    pa: after.pause,
    cr: after.createdMs,
    st: after.startedMs,
    en: after.endedMs,
    // The clock of a run that waits for its group stands still.
    dl: after.startedMs === undefined ? undefined : after.deadlineMs,
    ou: after.outputs,
    f: after.failure,
    ca: start.idempotency?.caller,
    ke: start.idempotency?.key,
    rq: start.idempotency?.requestSha256,
    cw: start.claim?.runId,
    co: start.claim?.position,
    ck: start.claim?.kind,
    ord: order,
    it: history,
  };
}

function dedupeRow(after: Run, { idempotency }: StartRun, k: string, order: number): DedupeRow {
  const { projectId: p, workflowId: w, id: r } = after;
  return { p, w, r, k, c: idempotency?.caller, i: idempotency?.key, n: order };
}

function taskRow(p: string, r: string, run: Run, task: TaskRun, earlier: TaskRun | undefined): BatchRow<"tasks"> {
  return {
    ...(earlier === undefined ? { n: true, i: task.id, k: nameAt(run, task.position), cr: task.createdMs } : {}),
    p,
    r,
    o: task.position,
    s: task.state,
    e: task.epoch,
    a: task.attempts,
    c: counters(task),
    at: task.live?.id,
    ag: task.agentId,
    q: task.queuedMs,
    st: task.startedMs,
    en: task.endedMs,
    du: task.dueMs,
    ou: task.outputs,
    f: task.failure,
    re: task.reason,
    // Once: the list never changes. A chain has that of the group before it.
    ...(task.map === undefined ||
    earlier?.map !== undefined ||
    planTaskAt(run, task.position)?.mapping?.head !== undefined
      ? {}
      : { it: task.map.items }),
  };
}

/** What a reload needs beside the columns. Null for the many task runs that have nothing to say. */
function counters(task: TaskRun): object | undefined {
  const { tries } = task;
  const plain =
    tries.paid + tries.lost + tries.setup + tries.rejected + tries.unstarted === 0 &&
    task.avoid.length === 0 &&
    task.stopping === undefined &&
    task.map === undefined &&
    task.mark === undefined &&
    task.flags === undefined &&
    task.times === undefined &&
    (task.live?.eventSeq ?? 0) === 0 &&
    task.suspension === undefined &&
    (task.effect === undefined || task.effect === "ok");
  if (plain) return undefined;
  return {
    tries,
    avoid: task.avoid,
    ...(task.stopping === undefined ? {} : { stopping: task.stopping }),
    ...(task.mark === undefined ? {} : { mark: task.mark }),
    ...(task.flags === undefined ? {} : { flags: task.flags }),
    ...(task.times === undefined ? {} : { times: task.times }),
    ...(task.suspension === undefined ? {} : { suspension: task.suspension }),
    ...(task.effect === undefined ? {} : { effect: task.effect }),
    eventSeq: task.live?.eventSeq ?? 0,
    ...(task.map === undefined ? {} : { map: mapRow(task.map) }),
  };
}
