import type { JsonObject } from "@capstan/proto";
import { runName } from "@capstan/proto";
import type pg from "pg";
import type { CacheAnswer, CacheAsk, CacheStore } from "../../cache/cache.store.ts";
import { inTransaction, withProject } from "../pool.ts";
import { statement } from "../sql.ts";

interface FoundRow {
  readonly outputs: JsonObject;
  readonly run_id: string;
  readonly run_name: string;
}

export class PgCacheStore implements CacheStore {
  private readonly engine: pg.Pool;
  private readonly api: pg.Pool;

  constructor(engine: pg.Pool, api: pg.Pool) {
    this.engine = engine;
    this.api = api;
  }

  async ask(ask: CacheAsk): Promise<CacheAnswer> {
    const answer = (await this.find(ask)) ?? (await this.take(ask)) ?? (await this.holder(ask));
    if (answer.kind !== "held" || answer.by !== undefined) return answer;
    // The holder ended between two looks.
    return (await this.take(ask)) ?? this.holder(ask);
  }

  /** Files belong to the requests of a project, and the engine's role does not see them. */
  private find(ask: CacheAsk): Promise<CacheAnswer | undefined> {
    return withProject(this.api, ask.projectId, async (client) => {
      const { rows } = await client.query<FoundRow>(statement("cache-find", [ask.projectId, ask.key, ask.ttlMs]));
      const [row] = rows;
      if (row === undefined) return undefined;
      return { kind: "found", outputs: row.outputs, runId: row.run_id, runName: row.run_name };
    });
  }

  /**
   * The key may have been free because its holder had just brought a result, which the first look was too early for. So
   * it is looked again while the key is held; what is found then gives the key back, in the same transaction.
   */
  private take(ask: CacheAsk): Promise<CacheAnswer | undefined> {
    return inTransaction(this.engine, async (client): Promise<CacheAnswer | undefined> => {
      const place = [ask.projectId, ask.key, ask.runId, ask.position];
      const { rows } = await client.query<{ taken: boolean }>(statement("cache-take", place));
      if (rows.length === 0) return undefined;
      const found = await this.find(ask);
      if (found !== undefined) await client.query(statement("cache-give-back", place));
      return found ?? { kind: "taken" };
    });
  }

  private async holder(ask: CacheAsk): Promise<CacheAnswer> {
    const { rows } = await this.engine.query<{ workflow: string; number: number; task: string }>(
      statement("cache-holder", [ask.projectId, ask.key]),
    );
    const [row] = rows;
    return {
      kind: "held",
      by: row === undefined ? undefined : { run: runName(row.workflow, row.number), task: row.task },
    };
  }
}
