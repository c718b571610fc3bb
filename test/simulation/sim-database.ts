// The database: the tables that matter and the meaning of `control-plane/src/database/sql/*.sql`, statement by statement.
//  S1. A statement sees a snapshot from its begin (fences) and the newest rows where it locks them (versions), as READ
//      COMMITTED does. What it writes becomes visible at one instant.
//  S2. A key that is there already is an error of the statement, as in PostgreSQL; here it is a violation besides,
//      because no decision of the product may ever come to that.
//  S3. A part of a batch that this file does not know is an error: a new one is added here in the same change.
import type { RunState } from "@capstan/proto";
import type { BatchRows } from "../../control-plane/src/commit/batch.ts";
import type { ClockSample } from "../../control-plane/src/dispatch/database-clock.ts";
import type {
  DueTimer,
  OverdueAttempt,
  WaitingLane,
  WaitingTask,
} from "../../control-plane/src/dispatch/dispatch.store.ts";
import type { Renewal } from "../../control-plane/src/dispatch/leases.ts";
import type { Lane } from "../../control-plane/src/dispatch/sessions.ts";
import type { Plan } from "../../control-plane/src/engine/plan.ts";
import type { HeldRow } from "../../control-plane/src/result/inventory.store.ts";
import type {
  AdvanceRow,
  AttemptRow,
  LaneRow,
  QueueRow,
  StartRow,
  StoredAttempt,
  StoredLive,
  StoredQueue,
  StoredRun,
  StoredSession,
  StoredTask,
  StoredTimer,
  TaskRow,
  TimerRow,
} from "./rows.ts";
import type { World } from "./world.ts";

/** Told about every write, with what was there before. */
export interface WriteWatcher {
  beforeWrite(rows: BatchRows, accepted: ReadonlySet<string>, snapshot: BatchSnapshot): void;
  afterWrite(accepted: ReadonlySet<string>): void;
}

export interface DatabaseOptions {
  readonly rate: number;
  /** Margin after a lease; 0 in unmasked seeds. */
  readonly marginMs: (leaseMs: number) => number;
}

const knownParts = [
  "starts",
  "advances",
  "sessionFences",
  "laneFences",
  "tasks",
  "attempts",
  "queue",
  "timers",
  "lanes",
  "kinds",
  // For the loop of timers, which is woken by it; not written.
  "isDue",
];
const epochMs = 1_750_000_000_000;

/** What a statement read when it began. */
export interface BatchSnapshot {
  readonly refused: ReadonlySet<string>;
  readonly sessions: ReadonlyMap<string, number>;
  readonly queuedLanes: ReadonlySet<string>;
}

export class SimDatabase {
  readonly runs = new Map<string, StoredRun>();
  readonly live = new Map<string, StoredLive>();
  readonly attempts = new Map<string, StoredAttempt>();
  readonly queue = new Map<string, StoredQueue>();
  readonly timers = new Map<string, StoredTimer>();
  readonly lanes = new Map<string, Lane>();
  readonly sessions = new Map<string, StoredSession>();
  readonly keys = new Map<string, { requestSha256: string; runId: string }>();
  readonly workflows = new Map<string, number>();
  readonly plans = new Map<string, Plan>();
  isDown = false;
  /** Batches that took effect, and when the last one that wrote something did. */
  writes = 0;
  lastWriteMs = 0;
  /** Agents whose session row and live attempts a hello holds locked, with who waits. */
  readonly locked = new Map<string, { readonly hellos: (() => void)[]; readonly statements: (() => void)[] }>();
  watcher: WriteWatcher | undefined;
  private readonly world: World;
  private readonly options: DatabaseOptions;
  private jumpMs = 0;
  private countedMs = 0;
  private tickedMs: number;

  constructor(world: World, options: DatabaseOptions) {
    this.world = world;
    this.options = options;
    this.tickedMs = this.nowMs();
  }

  /** clock_timestamp() in Unix ms. */
  nowMs(): number {
    return epochMs + Math.floor(this.world.nowMs * this.options.rate) + this.jumpMs;
  }

  /** Somebody sets the database's clock. */
  setClock(byMs: number): void {
    this.jumpMs += Math.floor(byMs);
  }

  /** tick.sql */
  tick(): ClockSample {
    this.countedMs = this.leaseNow();
    this.tickedMs = this.nowMs();
    return { databaseMs: this.tickedMs, countedMs: this.countedMs, incarnation: 1 };
  }

  leaseNow(): number {
    return this.countedMs + Math.max(0, Math.min(2000, this.nowMs() - this.tickedMs));
  }

  /** The part of commit-batch.sql that reads without locks. */
  beginBatch(rows: BatchRows): BatchSnapshot {
    // Parts for features that no simulated workflow uses come empty.
    const unknown = Object.entries(rows).flatMap(([part, given]) =>
      knownParts.includes(part) || (Array.isArray(given) && given.length === 0) ? [] : [part],
    );
    if (unknown.length > 0) throw new Error(`the simulated database does not know ${unknown.join(", ")}`);
    const refused = new Set<string>();
    const sessions = new Map<string, number>();
    for (const [agentId, { session }] of this.sessions) sessions.set(agentId, session);
    for (const fence of rows.sessionFences.values()) {
      if (sessions.get(fence.a) !== fence.se) for (const r of fence.rs) refused.add(r);
    }
    const queuedLanes = new Set<string>();
    for (const row of this.queue.values()) queuedLanes.add(row.laneId);
    for (const fence of rows.laneFences.values()) {
      if (queuedLanes.has(fence.l)) for (const r of fence.rs) refused.add(r);
    }
    return { refused, sessions, queuedLanes };
  }

  /** An agent that this batch would have to wait for, because a hello holds its live attempts. */
  waitsFor(rows: BatchRows): string | undefined {
    if (this.locked.size === 0) return undefined;
    for (const row of rows.attempts as AttemptRow[]) {
      if (row.n === undefined && this.locked.has(row.ag) && this.live.has(row.i)) return row.ag;
    }
    return undefined;
  }

  /** commit-batch.sql */
  commitBatch(rows: BatchRows, snapshot: BatchSnapshot): Map<string, number | undefined> {
    const accepted = new Map<string, number | undefined>();
    const advances = rows.advances as AdvanceRow[]; // rows made by addToBatch, here and below
    for (const advance of advances) {
      if (snapshot.refused.has(advance.r)) continue;
      if (this.runs.get(advance.r)?.version === advance.v) accepted.set(advance.r, undefined);
    }
    const started: StartRow[] = [];
    for (const start of rows.starts as StartRow[]) {
      if (snapshot.refused.has(start.r)) continue;
      if (start.ke !== undefined) {
        const key = `${start.p} ${start.ca} ${start.ke}`;
        if (this.keys.has(key)) continue;
        this.keys.set(key, { requestSha256: start.rq ?? "", runId: start.r });
      }
      started.push(start);
    }
    for (const start of started) accepted.set(start.r, this.makeRun(start));
    const ok = new Set(accepted.keys());
    this.writes++;
    this.watcher?.beforeWrite(rows, ok, snapshot);
    for (const advance of advances) if (ok.has(advance.r)) this.moveRun(advance);
    for (const row of rows.tasks as TaskRow[]) if (ok.has(row.r)) this.writeTask(row);
    for (const row of rows.attempts as AttemptRow[]) if (ok.has(row.r)) this.writeAttempt(row);
    for (const row of rows.queue as QueueRow[]) if (ok.has(row.r)) this.writeQueue(row);
    for (const row of rows.timers as TimerRow[]) if (ok.has(row.r)) this.writeTimer(row);
    for (const { p, l, po, se } of rows.lanes as LaneRow[]) {
      if (!this.lanes.has(l)) this.lanes.set(l, { projectId: p, laneId: l, poolId: po, ...se });
    }
    if (ok.size > 0) this.lastWriteMs = this.world.nowMs;
    this.watcher?.afterWrite(ok);
    return accepted;
  }

  /** lanes-with-work.sql */
  lanesWithWork(): WaitingLane[] {
    const found = new Map<string, number>();
    for (const row of this.queue.values()) {
      found.set(row.laneId, Math.min(row.pass, found.get(row.laneId) ?? Number.POSITIVE_INFINITY));
    }
    return [...found]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([laneId, pass]) => {
        const lane = this.lanes.get(laneId);
        return lane === undefined ? [] : [{ ...lane, pass }];
      });
  }

  /** What could be reserved in a lane, in order. */
  private freeIn(laneId: string) {
    const nowMs = this.nowMs();
    return [...this.queue.values()]
      .filter((row) => row.laneId === laneId && (row.takenUntilMs === undefined || row.takenUntilMs < nowMs))
      .sort(
        (a, b) =>
          a.priority - b.priority ||
          a.pass - b.pass ||
          (a.runId < b.runId ? -1 : a.runId > b.runId ? 1 : a.position - b.position),
      );
  }

  /** lane-heads.sql */
  laneHeads(laneIds: readonly string[]): Map<string, { priority: number }> {
    return new Map(
      laneIds.flatMap((laneId) => {
        const [first] = this.freeIn(laneId);
        return first === undefined ? [] : [[laneId, { priority: first.priority }] as const];
      }),
    );
  }

  /** reserve.sql; `skips` stands for rows that another transaction holds locked at this moment. */
  reserve(laneId: string, limit: number, level: number, skips: () => boolean): WaitingTask[] {
    const free = this.freeIn(laneId)
      .filter((row) => row.priority <= level && !skips())
      .slice(0, limit);
    const takenUntilMs = this.nowMs() + 5000;
    for (const row of free) row.takenUntilMs = takenUntilMs;
    return free.map(({ projectId, runId, position, leaseMs, avoid, pass }) => ({
      projectId,
      runId,
      position,
      leaseMs,
      avoid,
      pass,
    }));
  }

  /** release.sql */
  release(tasks: readonly WaitingTask[]): void {
    for (const task of tasks) {
      const row = this.queue.get(`${task.runId} ${task.position}`);
      if (row !== undefined) row.takenUntilMs = undefined;
    }
  }

  /** renew.sql, for one session; `leaseNow` was read when the statement began or ran. */
  renew(renewal: Renewal, leaseNow: number): boolean {
    const row = this.sessions.get(renewal.agentId);
    if (row?.session !== renewal.session) return false;
    row.renewedMs = leaseNow;
    return true;
  }

  /** ended-leases.sql */
  endedLeases(limit: number): OverdueAttempt[] {
    const leaseNow = this.leaseNow();
    return this.overdue(limit, (one) => {
      const renewedMs = this.sessions.get(one.agentId)?.renewedMs ?? Number.POSITIVE_INFINITY;
      return renewedMs + one.leaseMs + this.options.marginMs(one.leaseMs) <= leaseNow;
    });
  }

  /** overdue-backstops.sql */
  overdueBackstops(limit: number): OverdueAttempt[] {
    const nowMs = this.nowMs();
    return this.overdue(limit, (one) => one.backstopMs !== undefined && one.backstopMs <= nowMs);
  }

  /** due-timers.sql */
  dueTimers(limit: number): DueTimer[] {
    const nowMs = this.nowMs();
    return [...this.timers.values()]
      .filter((timer) => timer.dueMs <= nowMs)
      .sort((a, b) => a.dueMs - b.dueMs)
      .slice(0, limit);
  }

  /** previous-outcome.sql */
  previousOutcome(runId: string): RunState | undefined {
    const me = this.runs.get(runId);
    const before = [...this.runs.values()].filter(
      (run) => run.workflowId === me?.workflowId && run.number < me.number && run.endedMs !== undefined,
    );
    return before.toSorted((a, b) => b.number - a.number)[0]?.state;
  }

  /** drop-timer.sql */
  dropTimer({ runId, position, kind }: DueTimer): void {
    this.timers.delete(`${runId} ${position} ${kind}`);
  }

  /** overdue-runs.sql */
  overdueRuns(limit: number): { projectId: string; runId: string }[] {
    const nowMs = this.nowMs();
    const found: { projectId: string; runId: string }[] = [];
    for (const run of this.runs.values()) {
      if ((run.state === "running" || run.state === "queued") && run.deadlineMs <= nowMs) {
        found.push({ projectId: run.projectId, runId: run.id });
      }
    }
    return found.slice(0, limit);
  }

  /** session-live.sql */
  liveOf(agentId: string): HeldRow[] {
    const rows: HeldRow[] = [];
    for (const one of this.live.values()) {
      if (one.agentId !== agentId) continue;
      rows.push({
        attemptId: one.id,
        runId: one.runId,
        position: one.position,
        epoch: one.epoch,
        session: one.session,
        seq: one.seq,
        started: one.state !== "offered",
        cancelling: this.runs.get(one.runId)?.tasks[one.position]?.s === "cancelling",
      });
    }
    return rows;
  }

  private overdue(limit: number, isOver: (one: StoredLive) => boolean): OverdueAttempt[] {
    const found: OverdueAttempt[] = [];
    for (const one of this.live.values()) {
      if (!isOver(one)) continue;
      const projectId = this.runs.get(one.runId)?.projectId ?? "";
      found.push({ projectId, runId: one.runId, position: one.position, attemptId: one.id, epoch: one.epoch });
      if (found.length >= limit) break;
    }
    return found;
  }

  private makeRun(row: StartRow): number {
    const number = (this.workflows.get(row.w) ?? 0) + 1;
    this.workflows.set(row.w, number);
    const plan = this.plans.get(row.d);
    if (plan === undefined) throw new Error(`no plan of ${row.d}`);
    this.unique(this.runs.has(row.r), `run ${row.r}`);
    this.runs.set(row.r, {
      id: row.r,
      projectId: row.p,
      workflowId: row.w,
      plan,
      number,
      priority: row.pr,
      inputs: row.inp,
      labels: row.lab,
      trigger: row.tr,
      createdMs: row.cr,
      deadlineMs: row.dl,
      origin: row.og,
      pause: undefined,
      late: undefined,
      state: row.s,
      version: 1,
      eventSeq: row.es,
      startedMs: row.st,
      endedMs: row.en,
      cancel: undefined,
      outputs: row.ou,
      failure: row.f,
      tasks: plan.tasks.map(() => undefined),
    });
    return number;
  }

  private moveRun(row: AdvanceRow): void {
    const run = this.runs.get(row.r);
    if (run === undefined) return;
    run.version = row.v + 1;
    run.state = row.s;
    run.eventSeq = row.es;
    run.startedMs = row.st;
    run.endedMs = row.en;
    run.cancel = row.cn;
    run.pause = row.pa ?? run.pause;
    run.late = row.la ?? run.late;
    run.deadlineMs = row.dl ?? run.deadlineMs;
    run.outputs = row.ou;
    run.failure = row.f;
  }

  private writeTask(row: TaskRow): void {
    const run = this.runs.get(row.r);
    if (run === undefined) return;
    const known = run.tasks[row.o];
    if (row.n !== undefined) {
      this.unique(known !== undefined, `task run ${row.r} ${row.o}`);
      run.tasks[row.o] = { ...row, id: row.i ?? "", createdMs: row.cr ?? 0 };
    } else if (known !== undefined) {
      const it = row.it ?? known.it;
      const moved: StoredTask = {
        ...row,
        id: known.id,
        createdMs: known.createdMs,
        ...(it === undefined ? {} : { it }),
      };
      run.tasks[row.o] = moved;
    }
  }

  private writeAttempt(row: AttemptRow): void {
    if (row.en === undefined) {
      if (row.n !== undefined) {
        this.unique(this.live.has(row.i), `live attempt ${row.i}`);
        this.live.set(row.i, {
          id: row.i,
          runId: row.r,
          position: row.o,
          number: row.nu ?? 0,
          epoch: row.e ?? 0,
          agentId: row.ag,
          session: row.se ?? 0,
          seq: row.sq ?? 0,
          leaseMs: row.l ?? 0,
          offeredMs: row.of ?? 0,
          state: row.s,
          startedMs: row.st,
          backstopMs: undefined,
        });
        return;
      }
      const live = this.live.get(row.i);
      if (live === undefined) return;
      live.state = row.s;
      live.startedMs = row.st;
      live.backstopMs = row.b;
      return;
    }
    if (row.n === undefined) this.live.delete(row.i);
    this.unique(this.attempts.has(row.i), `attempt ${row.i}`);
    this.attempts.set(row.i, {
      id: row.i,
      runId: row.r,
      position: row.o,
      number: row.nu ?? 0,
      epoch: row.e ?? 0,
      agentId: row.ag,
      session: row.se ?? 0,
      state: row.s,
      startedMs: row.st,
      endedMs: row.en,
      failure: row.f,
      result: row.re,
    });
  }

  private writeQueue(row: QueueRow): void {
    const key = `${row.r} ${row.o}`;
    if (row.d !== undefined) {
      this.queue.delete(key);
      return;
    }
    this.queue.set(key, {
      projectId: row.p,
      runId: row.r,
      position: row.o,
      laneId: row.l,
      priority: row.pr,
      pass: row.pa,
      leaseMs: row.le,
      avoid: row.av ?? [],
      takenUntilMs: undefined,
    });
  }

  private writeTimer(row: TimerRow): void {
    const runId = row.tr ?? row.r;
    const key = `${runId} ${row.o} ${row.k}`;
    if (row.du === undefined) this.timers.delete(key);
    else this.timers.set(key, { projectId: row.p, runId, position: row.o, kind: row.k, dueMs: row.du, body: row.b });
  }

  private unique(isThere: boolean, what: string): void {
    if (!isThere) return;
    this.world.violate("I14", `${what} would be written twice`);
    throw Object.assign(new Error(`duplicate key: ${what}`), { code: "23505" });
  }
}
