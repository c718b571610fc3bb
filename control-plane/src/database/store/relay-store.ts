// The relay in PostgreSQL: one row has the place in the event log, and who holds it reads on.
import { endpointEvents, idFromUuid, type EndpointEvent } from "@capstan/proto";
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

const nothing: Relayed = { isFull: false, fired: 0, told: 0, isListened: false };
const ended = /^run\.(succeeded|failed|cancelled|timed_out)$/;

export class PgRelayStore implements RelayStore {
  private readonly engine: pg.Pool;
  private readonly publicUrl: () => string;

  constructor(engine: pg.Pool, publicUrl: () => string) {
    this.engine = engine;
    this.publicUrl = publicUrl;
  }

  relay(limit: number): Promise<Relayed> {
    return inTransaction(this.engine, async (client) => {
      const place = await client.query<{ tx: string | null; event_id: string; listened: boolean }>(
        `SELECT tx, event_id, EXISTS (SELECT 1 FROM workflow_triggers WHERE kind = 'workflow')
                  OR EXISTS (SELECT 1 FROM endpoints WHERE disabled IS NULL) AS listened
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
      const told = await tellEndpoints(client, rows, this.publicUrl());
      await client.query("UPDATE relay_position SET tx = $1, event_id = $2 WHERE id = 1", [last.tx, last.id]);
      return { isFull: rows.length === limit, fired, told, isListened: true };
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

/** What endpoints are told of an item of history; undefined for what they are not. */
function typeOf({ type, reason }: HistoryItem): EndpointEvent | undefined {
  if (type === "task.timed_out") return "task.failed";
  if (type === "task.suspended") return reason === "waiting_approval" ? "task.approval_requested" : undefined;
  return isEndpointEvent(type) ? type : undefined;
}

const isEndpointEvent = (type: string): type is EndpointEvent => Object.hasOwn(endpointEvents, type);

async function tellEndpoints(client: pg.PoolClient, rows: readonly LoggedRow[], publicUrl: string): Promise<number> {
  const events = rows.flatMap(({ project_id, run_id, at_ms, first_seq, items }) =>
    (items ?? []).flatMap((item, n) => {
      const t = typeOf(item);
      if (t === undefined) return [];
      const { task: k, reason: re, detail } = item;
      const de = detail === undefined || typeof detail === "string" ? detail : JSON.stringify(detail);
      const at = new Date(at_ms).toISOString();
      return [{ p: project_id, r: run_id, i: idFromUuid("run", run_id), q: first_seq + n, at, t, k, re, de }];
    }),
  );
  if (events.length === 0) return 0;
  const ordered = events.map((event, o) => ({ ...event, o }));
  return (await client.query(statement("tell-endpoints", [JSON.stringify(ordered), publicUrl]))).rowCount ?? 0;
}
