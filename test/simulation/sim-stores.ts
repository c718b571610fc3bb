// The ports of one replica to the simulated database.
import type { Hello } from "@capstan/proto";
import type { BatchRows } from "../../control-plane/src/commit/batch.ts";
import type { WorkflowEdition } from "../../control-plane/src/commit/commit.ts";
import type {
  AskedDedupe,
  CommitStore,
  FoundAttempt,
  FoundKey,
  HeldGroup,
  RunKey,
} from "../../control-plane/src/commit/commit.store.ts";
import { runFromRows } from "../../control-plane/src/database/store/load-run.ts";
import type { DispatchStore, DueTimer, WaitingTask } from "../../control-plane/src/dispatch/dispatch.store.ts";
import type { Renewal } from "../../control-plane/src/dispatch/leases.ts";
import type { LimitRef, LimitStates } from "../../control-plane/src/engine/limit.ts";
import { compilePlan } from "../../control-plane/src/engine/plan.ts";
import type { Run } from "../../control-plane/src/engine/snapshot.ts";
import type { EventStore, NewEvent, StoredEvent } from "../../control-plane/src/event/event.store.ts";
import type { GreetingRows, InventoryStore } from "../../control-plane/src/result/inventory.store.ts";
import { rowsOf } from "./run-rows.ts";
import { SimConnection } from "./sim-connection.ts";

const reportedStates: ReadonlySet<string> = new Set(["succeeded", "failed", "timed_out", "cancelled"]);

export class SimStores extends SimConnection implements CommitStore, DispatchStore, InventoryStore, EventStore {
  // Commit.

  write(rows: BatchRows, done?: () => void): Promise<ReadonlyMap<string, number | undefined>> {
    const { database } = this.parts;
    return this.statement(
      "write",
      () => database.beginBatch(rows),
      (snapshot) => database.commitBatch(rows, snapshot),
      () => database.waitsFor(rows),
      done,
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

  findDedupes(asked: readonly AskedDedupe[]): Promise<readonly (string | undefined)[]> {
    return this.statement(
      "dedupes",
      () => undefined,
      () => this.parts.database.dedupes.find(asked),
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

  limitStates(refs: readonly LimitRef[]): Promise<LimitStates> {
    return this.read("limits", () => this.parts.database.limitStates(refs));
  }

  withLimits<T>(
    refs: readonly LimitRef[],
    work: (states: LimitStates, write: CommitStore["write"]) => Promise<T>,
  ): Promise<T> {
    return this.underLocks(refs, async (done) =>
      work(await this.limitStates(refs), (rows) => this.write(rows, done())),
    );
  }

  withGroup<T>(ref: LimitRef, work: (state: HeldGroup, write: CommitStore["write"]) => Promise<T>): Promise<T> {
    return this.underLocks([ref], async (done) => {
      const state = await this.read("group", () => this.parts.database.groupState(ref));
      return work(state, (rows) => this.write(rows, done()));
    });
  }

  // Whole workflows are not paused here.
  pausedWorkflows(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  admissibleRuns(limit: number) {
    return this.poll(() => this.parts.database.admissibleRuns(limit));
  }

  // Events.

  put(_projectId: string, event: NewEvent): Promise<StoredEvent> {
    const { database } = this.parts;
    return this.statement(
      "event",
      () => undefined,
      () => {
        const { id, type, body } = event;
        const isNew = !database.events.some((one) => one.id === id);
        if (isNew)
          database.events.push({
            id,
            type,
            seq: database.events.length + 1,
            receivedMs: database.nowMs(),
            body,
            told: false,
          });
        if (isNew) database.onChange();
        return { body, isNew };
      },
    );
  }

  async tell(limit: number): Promise<number> {
    const { database } = this.parts;
    // A poll that would find nothing has no consequences, so it takes no event.
    if (!database.isDown && database.events.every((event) => event.told)) return 0;
    return this.statement(
      "tell",
      () => undefined,
      () => database.tellEvents(limit),
    );
  }

  since(look: Parameters<EventStore["since"]>[0]) {
    return this.read("events", () => this.parts.database.eventsSince(look));
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
}
