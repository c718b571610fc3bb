import type pg from "pg";
import type { HistoryItem } from "../../engine/event.ts";
import type { EventLog, LoggedEvents, Position } from "../../live/event-log.ts";

interface EventColumns {
  readonly tx: string;
  readonly id: string;
  readonly project_id: string;
  readonly run_id: string;
  readonly workflow_name: string;
  readonly number: number;
  readonly at: string;
  readonly items: readonly HistoryItem[];
}

/** The event log of all projects, read once for a whole replica by the engine's role; readers are told only their own. */
export class PgEventLog implements EventLog {
  private readonly pool: pg.Pool;

  constructor(engine: pg.Pool) {
    this.pool = engine;
  }

  async head(): Promise<Position> {
    const found = await this.pool.query<{ tx: string }>("SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS tx");
    return { tx: found.rows[0]?.tx ?? "0", id: "0" };
  }

  async after(position: Position, limit: number): Promise<readonly LoggedEvents[]> {
    const found = await this.pool.query<EventColumns>({
      name: "live-events-after",
      text: `SELECT e.tx::text AS tx, e.id::text AS id, e.project_id, e.run_id, r.workflow_name, r.number::float8 AS number,
                    to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, e.items
               FROM run_events e JOIN runs r ON r.project_id = e.project_id AND r.id = e.run_id
              WHERE (e.tx, e.id) > ($1::xid8, $2::bigint) AND e.tx < pg_snapshot_xmin(pg_current_snapshot())
              ORDER BY e.tx, e.id LIMIT $3`,
      values: [position.tx, position.id, limit],
    });
    return found.rows.map((row) => ({
      position: { tx: row.tx, id: row.id },
      projectId: row.project_id,
      runId: row.run_id,
      workflow: row.workflow_name,
      number: row.number,
      at: row.at,
      items: row.items,
    }));
  }

  async canResume(position: Position): Promise<boolean> {
    // Older than ten minutes, or from a database that has since gone back in time.
    const found = await this.pool.query<{ fine: boolean }>(
      `SELECT $1::xid8 <= pg_snapshot_xmax(pg_current_snapshot()) AND NOT EXISTS (
                SELECT 1 FROM (SELECT at FROM run_events WHERE (tx, id) > ($1::xid8, $2::bigint) ORDER BY tx, id LIMIT 1) first
                 WHERE first.at < clock_timestamp() - interval '10 minutes') AS fine`,
      [position.tx, position.id],
    );
    return found.rows[0]?.fine ?? false;
  }

  async listen(listener: () => void): Promise<() => void> {
    const client = await this.pool.connect();
    let over = false;
    const end = (error?: Error): void => {
      if (over) return;
      over = true;
      client.removeAllListeners("notification");
      client.release(error ?? true);
    };
    client.on("notification", listener);
    client.on("error", end);
    try {
      await client.query("LISTEN capstan_events");
    } catch (error) {
      end();
      throw error;
    }
    return () => end();
  }
}
