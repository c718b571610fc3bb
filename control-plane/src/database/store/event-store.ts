import type pg from "pg";
import type { JsonObject } from "@capstan/proto";
import type { EventStore, NewEvent, StoredEvent } from "../../event/event.store.ts";
import { withProject } from "../pool.ts";
import { statement } from "../sql.ts";

export class PgEventStore implements EventStore {
  private readonly engine: pg.Pool;
  private readonly api: pg.Pool;

  constructor(engine: pg.Pool, api: pg.Pool) {
    this.engine = engine;
    this.api = api;
  }

  put(projectId: string, event: NewEvent): Promise<StoredEvent> {
    return withProject(this.api, projectId, async (client) => {
      const made = await client.query(
        `INSERT INTO project_events (project_id, id, type, dedupe, actor, body, chain) VALUES ($1, $2, $3, $4, $5, $6,
           (SELECT coalesce((r.trigger ->> 'chain')::int, 0) FROM runs r WHERE r.project_id = $1 AND r.id = $7))
         ON CONFLICT (project_id, dedupe) DO NOTHING`,
        [
          projectId,
          event.id,
          event.type,
          event.dedupe ?? null,
          event.actor,
          JSON.stringify(event.body),
          event.sentBy ?? null,
        ],
      );
      if (made.rowCount === 1) return { body: event.body, isNew: true };
      const { rows } = await client.query<{ body: JsonObject }>(
        "SELECT body FROM project_events WHERE project_id = $1 AND dedupe = $2",
        [projectId, event.dedupe],
      );
      return { body: rows[0]?.body ?? event.body, isNew: false };
    });
  }

  async tell(limit: number): Promise<number> {
    const { rows } = await this.engine.query<{ told: number }>(statement("tell-events", [limit]));
    return rows[0]?.told ?? 0;
  }

  async since(
    look: Parameters<EventStore["since"]>[0],
  ): Promise<{ readonly bodies: readonly JsonObject[]; readonly lastSeq: number }> {
    const { rows } = await this.engine.query<{ body: JsonObject; seq: string }>(
      statement("events-since", [look.projectId, look.type, look.sinceMs, look.afterSeq, look.limit]),
    );
    return { bodies: rows.map((row) => row.body), lastSeq: Number(rows.at(-1)?.seq ?? look.afterSeq) };
  }
}
