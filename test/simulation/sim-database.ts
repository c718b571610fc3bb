// The database: the meaning of `control-plane/src/database/sql/commit-batch.sql`, part by part. `sim-reads.ts` has the other
// statements.
//  S1. A statement sees a snapshot from its begin (fences) and the newest rows where it locks them (versions), as READ
//      COMMITTED does. What it writes becomes visible at one instant.
//  S2. A key that is there already is an error of the statement, as in PostgreSQL; here it is a violation besides,
//      because no decision of the product may ever come to that.
//  S3. A part of a batch that this file does not know is an error: a new one is added here in the same change.
import type { RunState } from "@capstan/proto";
import type { BatchRows } from "../../control-plane/src/commit/batch.ts";
import type { HistoryItem } from "../../control-plane/src/engine/event.ts";
import type {
  AdvanceRow,
  AttemptRow,
  CacheEndRow,
  FreeRow,
  GroupLeftRow,
  GroupRow,
  HoldRow,
  LaneRow,
  QueueRow,
  StartRow,
  StoredTask,
  TaskRow,
  TimerRow,
} from "./rows.ts";
import type { SimProcess } from "./sim-process.ts";
import { SimReads } from "./sim-reads.ts";

/** Told about every write, with what was there before. */
export interface WriteWatcher {
  beforeWrite(rows: BatchRows, accepted: ReadonlySet<string>, snapshot: BatchSnapshot): void;
  afterWrite(accepted: ReadonlySet<string>): void;
}

const ended = /^run\.(succeeded|failed|cancelled|timed_out)$/;
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
  "holds",
  "frees",
  "groups",
  "groupsLeft",
  "cacheEnds",
  "dedupes",
  "kinds",
  // For the loop of timers, which is woken by it; not written.
  "isDue",
];

/** What a statement read when it began. */
export interface BatchSnapshot {
  readonly refused: ReadonlySet<string>;
  readonly sessions: ReadonlyMap<string, number>;
  readonly queuedLanes: ReadonlySet<string>;
}

export class SimDatabase extends SimReads {
  /** Batches that took effect, and when the last one that wrote something did. */
  writes = 0;
  lastWriteMs = 0;
  /** Agents whose session row and live attempts a hello holds locked, with who waits. */
  readonly locked = new Map<string, { readonly hellos: (() => void)[]; readonly statements: (() => void)[] }>();
  watcher: WriteWatcher | undefined;
  /** Advisory locks, with who waits. */
  private readonly advisory = new Map<string, (() => void)[]>();

  /** pg_advisory_xact_lock; a process that died while it waited does not get it. */
  lock(key: string, process: SimProcess, got: () => void): void {
    const waiting = this.advisory.get(key);
    if (waiting === undefined) {
      this.advisory.set(key, []);
      got();
      return;
    }
    let isDead = false;
    const forget = process.atEnd(() => (isDead = true));
    waiting.push(() => {
      forget();
      if (isDead) this.unlock(key);
      else got();
    });
  }

  unlock(key: string): void {
    const next = this.advisory.get(key)?.shift();
    if (next === undefined) this.advisory.delete(key);
    else this.world.after(0, next);
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
    const deduped = this.dedupes.take(rows.dedupes, snapshot.refused);
    const started: StartRow[] = [];
    for (const start of rows.starts as StartRow[]) {
      if (snapshot.refused.has(start.r)) continue;
      if (start.cw !== undefined && !this.takeClaimed(start)) continue;
      if (deduped.has(start.r)) continue;
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
    const cacheEnds = (rows.cacheEnds as CacheEndRow[]).map((row) => ({ row, waiting: this.cache.waiting(row.k) }));
    this.watcher?.beforeWrite(rows, ok, snapshot);
    for (const advance of advances) if (ok.has(advance.r)) this.moveRun(advance);
    for (const row of rows.tasks as TaskRow[]) if (ok.has(row.r)) this.writeTask(row);
    for (const row of rows.attempts as AttemptRow[]) if (ok.has(row.r)) this.writeAttempt(row);
    for (const row of rows.queue as QueueRow[]) if (ok.has(row.r)) this.writeQueue(row);
    for (const row of rows.timers as TimerRow[]) if (ok.has(row.r)) this.writeTimer(row);
    for (const row of rows.holds as HoldRow[]) if (ok.has(row.r)) this.makeHold(row);
    for (const row of rows.frees as FreeRow[]) if (ok.has(row.r)) this.freeHolds(row);
    this.writeGroups((rows.groups as GroupRow[]).filter((row) => ok.has(row.r)));
    for (const row of rows.groupsLeft as GroupLeftRow[]) if (ok.has(row.r)) this.groups.delete(row.r);
    for (const { row, waiting } of cacheEnds) if (ok.has(row.r)) this.cache.end(row, waiting);
    for (const { p, l, po, se } of rows.lanes as LaneRow[]) {
      if (!this.lanes.has(l)) this.lanes.set(l, { projectId: p, laneId: l, poolId: po, ...se });
    }
    if (ok.size > 0) this.lastWriteMs = this.world.nowMs;
    this.watcher?.afterWrite(ok);
    if (ok.size > 0) this.onChange();
    return accepted;
  }

  /** B8: of two that claim one row, one deletes it; one that asks for another run by now is nobody's. */
  private takeClaimed({ r, cw, co, ck }: StartRow): boolean {
    const key = `${cw} ${co} ${ck}`;
    const asked = this.timers.get(key)?.body?.["runId"] ?? r;
    return asked === r && this.timers.delete(key);
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
      pause: row.pa,
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
      groups: [],
    });
    this.logEnds(row.r, row.it);
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
    this.logEnds(row.r, row.it ?? []);
  }

  /** What the relay reads of `run_events`. */
  private logEnds(runId: string, items: readonly HistoryItem[]): void {
    for (const { type } of items) {
      const state = ended.exec(type)?.[1];
      if (state !== undefined) this.triggers.ends.push({ runId, state: state as RunState }); // by the expression
    }
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
    const { map } = row.c ?? {};
    if (map !== undefined && !run.groups.some((group) => group.position === row.o))
      run.groups.push({ position: row.o, base: map.base, size: map.total });
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
    else {
      const { p: projectId, o: position, k: kind, du: dueMs, b: body, aw: awaits } = row;
      this.timers.set(key, { projectId, runId, position, kind, dueMs, body, awaits });
    }
  }

  private makeHold({ p, r, o, i, k, w, of, un }: HoldRow): void {
    this.unique(this.holds.has(`${i} ${k}`), `hold of ${i} on ${k}`);
    this.holds.set(`${i} ${k}`, {
      projectId: p,
      attemptId: i,
      key: k,
      runId: r,
      position: o,
      weight: w,
      takenMs: of,
      untilMs: un,
    });
  }

  private freeHolds({ i }: FreeRow): void {
    for (const [key, hold] of this.holds)
      if (hold.attemptId === i && hold.untilMs === undefined) this.holds.delete(key);
  }

  /** All parts of the statement see the groups as they were before it. */
  private writeGroups(rows: readonly GroupRow[]): void {
    const before = [...this.groups.values()].map((row) => ({ ...row }));
    for (const { p, r, k, c, s, su } of rows) {
      const known = this.groups.get(r);
      if (known === undefined) this.groups.set(r, { projectId: p, runId: r, key: k, state: s, capacity: c });
      else known.state = s;
      if (su === undefined) continue;
      for (const other of before) {
        if (other.key !== k || other.projectId !== p || other.runId === r) continue;
        const stored = this.groups.get(other.runId);
        if (stored !== undefined && other.state === "waiting") stored.state = "superseded";
        if (su === "all" ? other.state === "superseded" : other.state !== "waiting") continue;
        const key = `${other.runId} -1 superseded`;
        if (this.timers.has(key)) continue;
        const timer = { projectId: p, runId: other.runId, position: -1, kind: "superseded" as const };
        this.timers.set(key, { ...timer, dueMs: this.nowMs(), body: undefined, awaits: undefined });
      }
    }
  }

  private unique(isThere: boolean, what: string): void {
    if (!isThere) return;
    this.world.violate("I14", `${what} would be written twice`);
    throw Object.assign(new Error(`duplicate key: ${what}`), { code: "23505" });
  }
}
