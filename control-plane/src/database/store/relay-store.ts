// The relay in PostgreSQL: one row has the place in the event log, and who holds it reads on.
import type pg from "pg";
import type { HistoryItem } from "../../engine/event.ts";
import type { Relayed, RelayStore } from "../../relay/relay.store.ts";
import { inTransaction } from "../pool.ts";
import { statement } from "../sql.ts";

interface LoggedRow {
  readonly tx: string;
  readonly id: string;
  readonly project_id: string;
  readonly run_id: string;
  readonly at_ms: number;
  readonly first_seq: number;
  readonly items: readonly HistoryItem[] | null;
}

const nothing: Relayed = { isFull: false, fired: 0, isListened: false };
const ended = /^run\.(succeeded|failed|cancelled|timed_out)$/;

export class PgRelayStore implements RelayStore {
  private readonly engine: pg.Pool;

  constructor(engine: pg.Pool) {
    this.engine = engine;
  }

  relay(limit: number): Promise<Relayed> {
    return inTransaction(this.engine, async (client) => {
      const place = await client.query<{ tx: string | null; event_id: string; listened: boolean }>(
        `SELECT tx, event_id, EXISTS (SELECT 1 FROM workflow_triggers WHERE kind = 'workflow') AS listened
           FROM relay_position WHERE id = 1 FOR UPDATE SKIP LOCKED`,
      );
      const [row] = place.rows;
      // Another replica reads, which it would not if nobody listened.
      if (row === undefined) return { ...nothing, isListened: true };
      if (!row.listened || row.tx === null) {
        if (row.tx !== null) await client.query("UPDATE relay_position SET tx = NULL, event_id = 0 WHERE id = 1");
        return nothing;
      }
      const { rows } = await client.query<LoggedRow>(statement("relay-read", [row.tx, row.event_id, limit]));
      const last = rows.at(-1);
      if (last === undefined) return { ...nothing, isListened: true };
      const fired = await fireByEnds(client, rows);
      await client.query("UPDATE relay_position SET tx = $1, event_id = $2 WHERE id = 1", [last.tx, last.id]);
      return { isFull: rows.length === limit, fired, isListened: true };
    });
  }
}

async function fireByEnds(client: pg.PoolClient, rows: readonly LoggedRow[]): Promise<number> {
  const ends = rows.flatMap(({ project_id, run_id, items }) =>
    (items ?? []).flatMap(({ type }) => {
      const state = ended.exec(type)?.[1];
      return state === undefined ? [] : [{ p: project_id, r: run_id, s: state }];
    }),
  );
  if (ends.length === 0) return 0;
  const found = await client.query<{ fired: number }>(statement("fire-by-ends", [JSON.stringify(ends)]));
  return found.rows[0]?.fired ?? 0;
}
