// The ports of one replica to what asks for runs by itself, to the cache, to variables and to operations on many runs.
import type { CacheAnswer, CacheAsk, CacheStore } from "../../control-plane/src/cache/cache.store.ts";
import type { ClaimedRun, OperationStore, RunOutcome } from "../../control-plane/src/operation/operation.store.ts";
import type { RelayStore } from "../../control-plane/src/relay/relay.store.ts";
import type { ScheduleStore, TakenSchedules } from "../../control-plane/src/schedule/schedule.store.ts";
import type { DeliveryStore } from "../../control-plane/src/trigger/delivery.store.ts";
import type { EarlyStore } from "../../control-plane/src/trigger/early-run.ts";
import { SimConnection } from "./sim-connection.ts";
import type { StoredSchedule } from "./sim-schedules.ts";

const nothing = (): undefined => undefined;

export class AutomationStores extends SimConnection {
  readonly cache: CacheStore = { ask: (ask) => this.ask(ask) };

  readonly early: EarlyStore = {
    variables: (_projectId, names) =>
      this.read("variables", () => {
        const { variables } = this.parts.database;
        return new Map(names.flatMap((name) => (variables.has(name) ? [[name, variables.get(name) ?? ""]] : [])));
      }),
    // No simulated workflow asks for its number before it is made.
    reserveNumbers: () => Promise.reject(new Error("not simulated")),
  };

  readonly schedules: Pick<ScheduleStore, "takeDue" | "isGoing" | "postpone" | "refuse"> = {
    takeDue: (limit, decide) => this.takeDue(limit, decide),
    isGoing: (_projectId, runId) => this.read("going", () => this.parts.database.schedules.isGoing(runId)),
    postpone: (start, byMs) =>
      this.statement("postpone", nothing, () => this.parts.database.schedules.postpone(start, byMs)),
    refuse: (start, reason, detail) =>
      this.statement("refuse start", nothing, () => this.parts.database.schedules.refuse(start.runId, reason, detail)),
  };

  readonly deliveries: DeliveryStore = {
    load: (_projectId, id) => this.read("delivery", () => this.parts.database.triggers.load(id)),
    refuse: (start, { outcome }) =>
      this.statement("refuse delivery", nothing, () => this.parts.database.triggers.refuse(start.runId, outcome)),
  };

  readonly relay: RelayStore = {
    relay: async (limit) => {
      const { triggers } = this.parts.database;
      // Another replica reads; or there is nothing to read.
      if (triggers.isLocked || (!triggers.isBehind && !this.parts.database.isDown))
        return { isFull: false, fired: 0, told: 0, isListened: true };
      const { count, fired } = await this.inTransaction(
        "relay",
        () => (triggers.isLocked = true),
        () => triggers.relay(limit),
        () => ({ count: 0, fired: 0 }),
        () => (triggers.isLocked = false),
      );
      return { isFull: count === limit, fired, told: 0, isListened: true };
    },
  };

  readonly operations: Pick<OperationStore, "claim" | "settle"> = {
    claim: (limit: number, claimMs: number): Promise<readonly ClaimedRun[]> => {
      const { database } = this.parts;
      if (database.operations.nextInMs() > 0 && !database.isDown) return Promise.resolve([]);
      return this.statement("claim", nothing, () => database.operations.claim(limit, claimMs));
    },
    settle: (outcomes: readonly RunOutcome[]) =>
      this.statement("settle", nothing, () => this.parts.database.operations.settle(outcomes)),
  };

  /** What a request reads. */
  look<T>(name: string, look: () => T): Promise<T> {
    return this.read(name, look);
  }

  /** cache-store.ts: three looks, each on its own. */
  private async ask(ask: CacheAsk): Promise<CacheAnswer> {
    const { cache } = this.parts.database;
    const take = (): Promise<CacheAnswer | undefined> =>
      this.statement(
        "cache take",
        () => cache.asks(ask),
        (asked) => cache.take(ask, asked),
      );
    const holder = (): Promise<CacheAnswer> => this.read("cache holder", () => cache.holder(ask));
    const answer = (await this.read("cache find", () => cache.find(ask))) ?? (await take()) ?? (await holder());
    if (answer.kind !== "held" || answer.by !== undefined) return answer;
    return (await take()) ?? holder();
  }

  /** One transaction: rows under their locks, then what was decided about them. */
  private takeDue(limit: number, decide: Parameters<ScheduleStore["takeDue"]>[1]): Promise<TakenSchedules> {
    const { schedules, isDown } = this.parts.database;
    if (schedules.nextInMs() > 0 && !isDown) {
      const nextInMs = schedules.nextInMs();
      return Promise.resolve({ count: 0, starts: [], nextInMs: nextInMs === Infinity ? undefined : nextInMs });
    }
    let held: readonly StoredSchedule[] = [];
    return this.inTransaction(
      "schedules",
      () => {
        const { taken, nowMs } = schedules.lockDue(limit);
        held = taken;
        return { taken, decided: taken.map((one) => decide(schedules.rowOf(one), nowMs)) };
      },
      ({ taken, decided }) => schedules.decide(taken, decided),
      () => ({ count: 0, starts: [], nextInMs: undefined }),
      () => schedules.unlock(held),
    );
  }

  /** Statements of one transaction: what the first read decides the last one, and a client that dies between leaves nothing. */
  private async inTransaction<S, T>(
    name: string,
    begin: () => S,
    commit: (snapshot: S) => T,
    rolledBack: () => T,
    done: () => void,
  ): Promise<T> {
    const { process, random } = this.parts;
    let isDead = false;
    const forget = process.atEnd(() => (isDead = true));
    try {
      return await this.statement(
        name,
        begin,
        // One that had sent its COMMIT gets it.
        (snapshot) => (isDead && random.chance(0.5) ? rolledBack() : commit(snapshot)),
        undefined,
        done,
      );
    } finally {
      forget();
    }
  }
}
