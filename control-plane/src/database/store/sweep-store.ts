import type pg from "pg";
import type { CacheSweepStore } from "../../retention/cache-sweep-loop.ts";
import type { EventSweepStore } from "../../retention/event-sweep-loop.ts";
import type { HoldSweepStore } from "../../retention/hold-sweep-loop.ts";
import type { SweepStore } from "../../retention/sweep-loop.ts";
import { statement } from "../sql.ts";

export class PgSweepStore implements SweepStore, HoldSweepStore, CacheSweepStore, EventSweepStore {
  private readonly pool: pg.Pool;

  constructor(engine: pg.Pool) {
    this.pool = engine;
  }

  async sweep(limit: number): Promise<{ keys: number; proofs: number }> {
    const { rows } = await this.pool.query<{ keys: number; proofs: number }>(statement("sweep-keys", [limit]));
    return rows[0] ?? { keys: 0, proofs: 0 };
  }

  async sweepEvents(limit: number): Promise<number> {
    return (await this.pool.query(statement("sweep-events", [limit]))).rowCount ?? 0;
  }

  async sweepHolds(limit: number): Promise<{ over: number; orphaned: number }> {
    const { rows } = await this.pool.query<{ over: number; orphaned: number }>(statement("sweep-holds", [limit]));
    return rows[0] ?? { over: 0, orphaned: 0 };
  }

  async sweepCache(limit: number): Promise<{ results: number; flights: number }> {
    const { rows } = await this.pool.query<{ results: number; flights: number }>(statement("sweep-cache", [limit]));
    return rows[0] ?? { results: 0, flights: 0 };
  }
}
