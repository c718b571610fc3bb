// The cache's tables: `cached_results` and `cache_flights`, with the meaning of `cache-*.sql` and of the parts of
// commit-batch.sql that write them (B10).
import type { JsonObject } from "@capstan/proto";
import type { CacheAnswer, CacheAsk } from "../../control-plane/src/cache/cache.store.ts";
import type { CacheEndRow } from "./rows.ts";
import type { SimTables } from "./sim-tables.ts";

interface Flight {
  readonly runId: string;
  readonly position: number;
}

interface CachedResult {
  readonly runId: string;
  readonly runName: string;
  readonly outputs: JsonObject;
  readonly storedMs: number;
  readonly expiresMs: number;
}

export class SimCache {
  /** By project and key. */
  readonly flights = new Map<string, Flight>();
  readonly results = new Map<string, CachedResult>();
  private readonly database: SimTables;

  constructor(database: SimTables) {
    this.database = database;
  }

  /** cache-find.sql; no simulated result has files. */
  find({ projectId, key, ttlMs }: CacheAsk): CacheAnswer | undefined {
    const nowMs = this.database.nowMs();
    const found = this.results.get(`${projectId} ${key}`);
    if (found === undefined || found.expiresMs <= nowMs || found.storedMs <= nowMs - ttlMs) return undefined;
    return { kind: "found", outputs: found.outputs, runId: found.runId, runName: found.runName };
  }

  /** What cache-take.sql saw of the asking task run when it began. */
  asks({ runId, position }: CacheAsk): boolean {
    return this.database.timers.has(`${runId} ${position} cache`);
  }

  /** cache-take.sql, the look at results under it, and cache-give-back.sql: one transaction. */
  take(ask: CacheAsk, asked: boolean): CacheAnswer | undefined {
    if (!asked) return undefined;
    const at = `${ask.projectId} ${ask.key}`;
    const flight = this.flights.get(at);
    const isOwn = flight?.runId === ask.runId && flight.position === ask.position;
    if (flight !== undefined && !isOwn && !this.hasEnded(flight)) return undefined;
    this.flights.set(at, { runId: ask.runId, position: ask.position });
    const found = this.find(ask);
    if (found === undefined) return { kind: "taken" };
    this.flights.delete(at);
    this.tell(ask.projectId, ask.key, this.waiting(ask.key), ask);
    return found;
  }

  /** cache-holder.sql */
  holder({ projectId, key }: CacheAsk): CacheAnswer {
    const flight = this.flights.get(`${projectId} ${key}`);
    const run = flight === undefined ? undefined : this.database.runs.get(flight.runId);
    if (flight === undefined || run === undefined) return { kind: "held", by: undefined };
    const task = run.plan.tasks[flight.position]?.key ?? "";
    return { kind: "held", by: { run: `${run.plan.document.name}-${run.number}`, task } };
  }

  /** Timers of those that wait for a key. */
  waiting(key: string): { readonly runId: string; readonly position: number }[] {
    return [...this.database.timers.values()].filter((timer) => timer.awaits === `cache:${key}`);
  }

  /** commit-batch.sql, `cacheEnds`. @param waiting by key, as the statement saw them when it began */
  end(row: CacheEndRow, waiting: readonly { readonly runId: string; readonly position: number }[]): void {
    const { p, r, o, k, ou, rn = "", tt = 0 } = row;
    const nowMs = this.database.nowMs();
    const at = `${p} ${k}`;
    if (ou !== undefined)
      this.results.set(at, { runId: r, runName: rn, outputs: ou, storedMs: nowMs, expiresMs: nowMs + tt });
    const flight = this.flights.get(at);
    if (flight?.runId !== r || flight.position !== o) return;
    this.flights.delete(at);
    this.tell(p, k, waiting);
  }

  private hasEnded({ runId, position }: Flight): boolean {
    const task = this.database.runs.get(runId)?.tasks[position];
    return task === undefined || task.en !== undefined;
  }

  private tell(
    projectId: string,
    key: string,
    waiting: readonly { readonly runId: string; readonly position: number }[],
    but?: CacheAsk,
  ): void {
    const { timers } = this.database;
    for (const { runId, position } of waiting) {
      const at = `${runId} ${position} cache_free`;
      if ((runId === but?.runId && position === but.position) || timers.has(at)) continue;
      timers.set(at, {
        projectId,
        runId,
        position,
        kind: "cache_free",
        dueMs: this.database.nowMs(),
        body: undefined,
        awaits: undefined,
      });
    }
  }
}
