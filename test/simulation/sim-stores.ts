// The ports of one replica to the simulated database: every statement takes time, may be lost before or after its commit,
// may be carried out although its caller is told otherwise, and goes on when its caller dies.
import type { Hello } from "@capstan/proto";
import type { BatchRows } from "../../control-plane/src/commit/batch.ts";
import type { WorkflowEdition } from "../../control-plane/src/commit/commit.ts";
import type {
  CommitStore,
  FoundAttempt,
  FoundKey,
  HeldGroup,
  RunKey,
} from "../../control-plane/src/commit/commit.store.ts";
import { runFromRows, type RunRows } from "../../control-plane/src/database/store/load-run.ts";
import type { DispatchStore, DueTimer, WaitingTask } from "../../control-plane/src/dispatch/dispatch.store.ts";
import type { Renewal } from "../../control-plane/src/dispatch/leases.ts";
import type { LimitRef, LimitStates } from "../../control-plane/src/engine/limit.ts";
import { compilePlan } from "../../control-plane/src/engine/plan.ts";
import type { Run } from "../../control-plane/src/engine/snapshot.ts";
import type { GreetingRows, InventoryStore } from "../../control-plane/src/result/inventory.store.ts";
import type { Random } from "./random.ts";
import type { StoredRun } from "./rows.ts";
import type { SimDatabase } from "./sim-database.ts";
import type { SimProcess } from "./sim-process.ts";
import type { World } from "./world.ts";

/** Chances of what happens to one statement, and how long it takes. */
export interface Weather {
  slowMs: number;
  lost: number;
  conflict: number;
}

export class Unavailable extends Error {
  readonly injected = true;
}
/** 40001 and 40P01: the database ended the statement; nothing took effect. */
export class Conflict extends Error {
  readonly injected = true;
  readonly code = "40P01";
}
export const isUnavailable = (error: unknown): boolean => error instanceof Unavailable;

export interface StoreParts {
  readonly world: World;
  readonly database: SimDatabase;
  readonly process: SimProcess;
  readonly random: Random;
  readonly weather: Weather;
  readonly poolId: string;
  readonly pools: ReadonlyMap<string, string>;
  readonly fingerprint: (agentId: string) => string;
}

export class SimStores implements CommitStore, DispatchStore, InventoryStore {
  private readonly parts: StoreParts;

  constructor(parts: StoreParts) {
    this.parts = parts;
  }

  // Commit.

  write(rows: BatchRows): Promise<ReadonlyMap<string, number | undefined>> {
    const { database } = this.parts;
    return this.statement(
      "write",
      () => database.beginBatch(rows),
      (snapshot) => database.commitBatch(rows, snapshot),
      () => database.waitsFor(rows),
    );
  }

  loadRuns(keys: readonly RunKey[]): Promise<readonly Run[]> {
    const { database } = this.parts;
    return this.read("load", () =>
      keys.flatMap(({ runId }) => {
        const run = database.runs.get(runId);
        return run === undefined ? [] : [runFromRows(rowsOf(run, database), run.plan)];
      }),
    );
  }

  findKeys(
    keys: readonly { readonly projectId: string; readonly caller: string; readonly key: string }[],
  ): Promise<readonly FoundKey[]> {
    const { database } = this.parts;
    return this.read("keys", () =>
      keys.flatMap(({ projectId, caller, key }) => {
        const found = database.keys.get(`${projectId} ${caller} ${key}`);
        return found === undefined ? [] : [{ projectId, caller, key, ...found }];
      }),
    );
  }

  findAttempts(_projectId: string, agentId: string, attemptIds: readonly string[]): Promise<readonly FoundAttempt[]> {
    const { database } = this.parts;
    return this.read("find", () =>
      attemptIds.flatMap((attemptId) => {
        const found = database.live.get(attemptId) ?? database.attempts.get(attemptId);
        return found?.agentId === agentId ? [{ attemptId, runId: found.runId, position: found.position }] : [];
      }),
    );
  }

  remember(edition: WorkflowEdition): void {
    const { plans } = this.parts.database;
    if (!plans.has(edition.digest)) plans.set(edition.digest, compilePlan(edition.digest, edition.document));
  }

  pools(): Promise<ReadonlyMap<string, string>> {
    return this.read("pools", () => this.parts.pools);
  }

  // Dispatch.

  lanesWithWork() {
    return this.poll(() => this.parts.database.lanesWithWork());
  }

  laneHeads(laneIds: readonly string[]): Promise<ReadonlyMap<string, { readonly priority: number }>> {
    return this.statement(
      "lane heads",
      () => undefined,
      () => this.parts.database.laneHeads(laneIds),
    );
  }

  // The simulated workflows take of no limits and belong to no group.

  limitStates(): Promise<LimitStates> {
    return Promise.resolve(new Map());
  }

  withLimits<T>(
    _refs: readonly LimitRef[],
    work: (states: LimitStates, write: CommitStore["write"]) => Promise<T>,
  ): Promise<T> {
    return work(new Map(), (rows) => this.write(rows));
  }

  withGroup<T>(_ref: LimitRef, work: (state: HeldGroup, write: CommitStore["write"]) => Promise<T>): Promise<T> {
    return work({ active: 0, waiting: 0, holders: [] }, (rows) => this.write(rows));
  }

  pausedWorkflows(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  admissibleRuns(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  raiseWaiting(): Promise<number> {
    return Promise.resolve(0);
  }

  reserve(laneId: string, limit: number, level = Number.MAX_SAFE_INTEGER): Promise<readonly WaitingTask[]> {
    const { database, random } = this.parts;
    return this.statement(
      "reserve",
      () => undefined,
      () => database.reserve(laneId, limit, level, () => random.chance(0.03)),
    );
  }

  release(tasks: readonly WaitingTask[]): Promise<void> {
    return this.statement(
      "release",
      () => undefined,
      () => this.parts.database.release(tasks),
    );
  }

  tick() {
    return this.statement(
      "tick",
      () => undefined,
      () => this.parts.database.tick(),
    );
  }

  renew(renewals: readonly Renewal[]): Promise<ReadonlySet<string>> {
    const { database, random } = this.parts;
    return this.statement(
      "renew",
      () => database.leaseNow(),
      (before) => {
        // The statement reads counted time at some moment between its begin and its commit.
        const leaseNow = random.chance(0.5) ? before : database.leaseNow();
        return new Set(renewals.flatMap((one) => (database.renew(one, leaseNow) ? [one.agentId] : [])));
      },
      () => renewals.find((one) => database.locked.has(one.agentId))?.agentId,
    );
  }

  endedLeases(limit: number) {
    return this.poll(() => this.parts.database.endedLeases(limit));
  }
  overdueBackstops(limit: number) {
    return this.poll(() => this.parts.database.overdueBackstops(limit));
  }
  dueTimers(limit: number) {
    return this.poll(() => this.parts.database.dueTimers(limit));
  }
  previousOutcome(_projectId: string, runId: string) {
    return this.read("previous", () => this.parts.database.previousOutcome(runId));
  }
  async dropTimer(timer: DueTimer): Promise<void> {
    await this.poll(() => {
      this.parts.database.dropTimer(timer);
      return [];
    });
  }
  overdueRuns(limit: number) {
    return this.poll(() => this.parts.database.overdueRuns(limit));
  }

  // Inventory.

  /** The transaction of a hello: rows read under locks, then the session moved on, then the locks released. */
  async greet(
    agent: { projectId: string; agentId: string },
    hello: Hello,
    attemptIds: readonly string[],
  ): Promise<GreetingRows> {
    const { database } = this.parts;
    const { agentId } = agent;
    await this.lock(agentId);
    return this.statement(
      "greet",
      () => this.greetRows(agentId, hello, attemptIds),
      (rows) => {
        if (rows.kind !== "current") return rows;
        const row = database.sessions.get(agentId);
        if (row === undefined) throw new Error(`no session row of ${agentId}`);
        row.session = row.session >= 1_000_000_000 ? row.session + 1 : 1_000_000_001;
        row.connectNo = hello.connectNo;
        row.bootId = hello.host.bootId;
        row.renewedMs = database.leaseNow();
        row.state = "syncing";
        this.parts.world.trace("session", agentId, row.session, hello.connectNo);
        return { ...rows, session: row.session };
      },
      undefined,
      () => this.unlock(agentId),
    );
  }

  live(_projectId: string, agentId: string) {
    return this.read("live", () => this.parts.database.liveOf(agentId));
  }

  reportedEnded(_projectId: string, agentId: string, attemptIds: readonly string[]) {
    const { database } = this.parts;
    return this.read("ended", () => {
      const found = new Map<string, number>();
      for (const id of attemptIds) {
        const row = database.attempts.get(id);
        if (row?.agentId === agentId && reportedStates.has(row.state)) found.set(id, row.epoch);
      }
      return found;
    });
  }

  setState(_projectId: string, agentId: string, session: number, state: string): Promise<void> {
    return this.statement(
      "state",
      () => undefined,
      () => {
        const row = this.parts.database.sessions.get(agentId);
        if (row?.session === session) row.state = state;
      },
    );
  }

  async securityEvent(): Promise<void> {
    this.parts.world.count("security event");
  }

  private greetRows(agentId: string, hello: Hello, attemptIds: readonly string[]): GreetingRows {
    const { database } = this.parts;
    let row = database.sessions.get(agentId);
    if (row === undefined) {
      row = { agentId, session: 0, connectNo: 0, renewedMs: 0, bootId: "", state: "closed" };
      database.sessions.set(agentId, row);
    }
    if (hello.connectNo <= row.connectNo) return { kind: "stale", last: row.connectNo };
    if (hello.host.fingerprint !== this.parts.fingerprint(agentId)) return { kind: "conflict" };
    return {
      kind: "current",
      session: 0,
      incarnation: 1,
      state: "active",
      rebooted: row.bootId !== "" && row.bootId !== hello.host.bootId,
      pinned: {},
      live: database.liveOf(agentId),
      ended: attemptIds.flatMap((id) => {
        const found = database.attempts.get(id) ?? database.live.get(id);
        return found?.agentId === agentId ? [{ attemptId: id, epoch: found.epoch, state: found.state }] : [];
      }),
      logs: new Map(),
    };
  }

  private lock(agentId: string): Promise<void> {
    const { locked } = this.parts.database;
    const holder = locked.get(agentId);
    if (holder !== undefined) return new Promise((resolve) => holder.hellos.push(resolve));
    locked.set(agentId, { hellos: [], statements: [] });
    return Promise.resolve();
  }

  private unlock(agentId: string): void {
    const { locked } = this.parts.database;
    const holder = locked.get(agentId);
    if (holder === undefined) return;
    for (const statement of holder.statements) this.parts.world.after(0, statement);
    const next = holder.hellos.shift();
    if (next === undefined) locked.delete(agentId);
    else {
      locked.set(agentId, { hellos: holder.hellos, statements: [] });
      this.parts.world.after(0, next);
    }
  }

  /** A poll that finds nothing has no consequences, so it takes no event; what is found comes late, as any answer. */
  private poll<T>(look: () => readonly T[]): Promise<readonly T[]> {
    const { database } = this.parts;
    if (database.isDown) return this.read("poll", look);
    const found = look();
    return found.length === 0 ? Promise.resolve(found) : this.read("poll", () => found);
  }

  /** What was there when it was asked, told later. */
  private read<T>(name: string, look: () => T): Promise<T> {
    const { database, process, random, weather, world } = this.parts;
    return new Promise((resolve, reject) => {
      if (database.isDown || random.chance(weather.lost)) {
        world.count(`read lost: ${name}`);
        process.after(random.between(1, 50), () => reject(new Unavailable(`${name}: the connection was lost`)));
        return;
      }
      const found = look();
      process.after(this.latencyMs(), () => resolve(found));
    });
  }

  private statement<S, T>(
    name: string,
    begin: () => S,
    commit: (snapshot: S) => T,
    waitsFor?: () => string | undefined,
    done: () => void = () => undefined,
  ): Promise<T> {
    const { database, process, random, weather, world } = this.parts;
    return new Promise((resolve, reject) => {
      const lose = (what: string): void => {
        world.count(`${name} ${what}`);
        process.after(random.between(1, 50), () =>
          reject(new Unavailable(`${name}: the connection was lost (${what})`)),
        );
      };
      if (database.isDown) {
        done();
        return lose("refused");
      }
      const fate = random.next();
      if (fate < weather.lost / 3) {
        done();
        return lose("lost before");
      }
      const snapshot = begin();
      const isTold = fate >= weather.lost;
      const isLate = !isTold && fate < (weather.lost * 2) / 3;
      // The caller is told that the connection is gone while the statement is still under way.
      if (isLate) lose("lost under way");
      const ends = random.chance(weather.conflict) && name !== "state";
      const attempt = (): void => {
        if (database.isDown && random.chance(0.5)) {
          done();
          if (!isLate) lose("lost by a crash");
          return;
        }
        const holder = waitsFor?.();
        if (holder !== undefined) {
          database.locked.get(holder)?.statements.push(attempt);
          return;
        }
        if (ends) {
          world.count(`${name} conflict`);
          done();
          process.after(this.latencyMs(), () => reject(new Conflict(`${name}: deadlock detected`)));
          return;
        }
        let answer: T;
        try {
          answer = commit(snapshot);
        } catch (error) {
          done();
          process.after(0, () => reject(error));
          return;
        }
        done();
        if (isTold) process.after(this.latencyMs(), () => resolve(answer));
        else if (!isLate) lose("lost after");
      };
      // The server carries it out whether its client lives or not.
      world.after(this.latencyMs(), attempt);
    });
  }

  private latencyMs(): number {
    const { random, weather } = this.parts;
    return random.chance(0.9) ? random.between(0.5, 3) : random.between(0.5, 5 + weather.slowMs);
  }
}

const reportedStates: ReadonlySet<string> = new Set(["succeeded", "failed", "timed_out", "cancelled"]);

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | undefined): string | null => (ms === undefined ? null : iso(ms));

/** load-runs.sql */
function rowsOf(run: StoredRun, database: SimDatabase): RunRows {
  return {
    project: "default",
    run: {
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
      deadline_at: iso(run.deadlineMs),
      cancel: run.cancel ?? null,
      pause: run.pause ?? null,
      late: run.late ?? null,
      origin: run.origin ?? null,
      outputs: run.outputs ?? null,
      failure: run.failure ?? null,
    },
    tasks: run.tasks.flatMap((task) =>
      task === undefined
        ? []
        : [
            {
              position: task.o,
              id: task.id,
              state: task.s,
              epoch: task.e,
              attempts: task.a,
              counters: task.c ?? null,
              agent_id: task.ag ?? null,
              created_at: iso(task.createdMs),
              queued_at: isoOrNull(task.q),
              started_at: isoOrNull(task.st),
              ended_at: isoOrNull(task.en),
              due_at: isoOrNull(task.du),
              outputs: task.ou ?? null,
              failure: task.f ?? null,
              reason: task.re ?? null,
              items: task.it ?? null,
            },
          ],
    ),
    live: run.tasks.flatMap((task) => {
      const live = task?.at === undefined ? undefined : database.live.get(task.at);
      if (live === undefined) return [];
      return [
        {
          id: live.id,
          position: live.position,
          epoch: live.epoch,
          agent: live.agentId,
          session: live.session,
          seq: live.seq,
          number: live.number,
          state: live.state,
          offered: live.offeredMs,
          started: live.startedMs ?? null,
        },
      ];
    }),
  };
}
