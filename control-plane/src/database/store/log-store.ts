// Log streams and traces in PostgreSQL, the writing side.
import type pg from "pg";
import type { Ending, LogStore, Segment, StreamAsked, StreamRow } from "../../log/log.store.ts";
import type { TraceBatch, TraceStore } from "../../log/trace-ingest.ts";
import { inTransaction } from "../pool.ts";
import { statement } from "../sql.ts";

interface StreamColumns {
  readonly attempt_id: string;
  readonly committed_bytes: string;
  readonly state: StreamRow["state"];
  readonly final_bytes: string | null;
  readonly final_sha256: string | null;
}

interface Extent {
  readonly projectId: string;
  readonly from: number;
  to: number;
  lines: number;
}

const pageSegments = 64;

export class PgLogStore implements LogStore, TraceStore {
  private readonly pool: pg.Pool;

  constructor(engine: pg.Pool) {
    this.pool = engine;
  }

  async open(asked: readonly StreamAsked[]): Promise<readonly StreamRow[]> {
    const { rows } = await this.pool.query<StreamColumns>(
      statement("log-open", [
        asked.map((one) => one.projectId),
        asked.map((one) => one.attemptId),
        asked.map((one) => one.agentId),
        asked.map((one) => one.epoch),
      ]),
    );
    return rows.map((row) => ({
      attemptId: row.attempt_id,
      committedBytes: Number(row.committed_bytes),
      state: row.state,
      finalBytes: row.final_bytes === null ? undefined : Number(row.final_bytes),
      finalSha256: row.final_sha256 ?? undefined,
    }));
  }

  async append(segments: readonly Segment[]): Promise<ReadonlyMap<string, number>> {
    const extents = new Map<string, Extent>();
    const before: number[] = [];
    const at: number[] = [];
    let position = 1; // substring() counts from one
    for (const segment of segments) {
      at.push(position);
      position += segment.payload.length;
      const extent = extents.get(segment.attemptId);
      const to = segment.startBytes + segment.lengthBytes;
      before.push(extent?.lines ?? 0);
      if (extent === undefined) {
        extents.set(segment.attemptId, {
          projectId: segment.projectId,
          from: segment.startBytes,
          to,
          lines: segment.lines,
        });
      } else {
        extent.to = to;
        extent.lines += segment.lines;
      }
    }
    const each = [...extents.values()];
    const { rows } = await this.pool.query<{ attempt_id: string; committed_bytes: string }>(
      statement("log-append", [
        Buffer.concat(segments.map((one) => one.payload)),
        each.map((one) => one.projectId),
        [...extents.keys()],
        each.map((one) => one.from),
        each.map((one) => one.to),
        each.map((one) => one.lines),
        segments.map((one) => one.attemptId),
        segments.map((one) => one.projectId),
        segments.map((one) => one.startBytes),
        segments.map((one) => one.lengthBytes),
        before,
        segments.map((one) => one.lines),
        segments.map((one) => one.baseMs),
        segments.map((one) => one.codec),
        segments.map((one) => one.flags),
        at,
        segments.map((one) => one.payload.length),
      ]),
    );
    return new Map(rows.map((row) => [row.attempt_id, Number(row.committed_bytes)]));
  }

  async end(endings: readonly Ending[]): Promise<void> {
    await this.pool.query(
      `UPDATE log_streams l SET final_bytes = e.bytes, final_sha256 = e.sha256, state = e.state
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[]) AS e(p, a, bytes, sha256, state)
        WHERE l.project_id = e.p AND l.attempt_id = e.a`,
      [
        endings.map((one) => one.projectId),
        endings.map((one) => one.attemptId),
        endings.map((one) => one.finalBytes),
        endings.map((one) => one.finalSha256),
        endings.map((one) => one.state),
      ],
    );
  }

  async restart(projectId: string, attemptId: string): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      await client.query(
        "UPDATE log_streams SET committed_bytes = 0, committed_lines = 0 WHERE project_id = $1 AND attempt_id = $2",
        [projectId, attemptId],
      );
      await client.query("DELETE FROM log_segments WHERE project_id = $1 AND attempt_id = $2", [projectId, attemptId]);
    });
  }

  async *segments(
    projectId: string,
    attemptId: string,
  ): AsyncIterable<{ readonly codec: number; readonly payload: Uint8Array }> {
    let from = 0;
    for (;;) {
      const { rows } = await this.pool.query<{ start_bytes: string; codec: number; flags: number; payload: Buffer }>(
        `SELECT start_bytes, codec, flags, payload FROM log_segments
          WHERE project_id = $1 AND attempt_id = $2 AND start_bytes >= $3 ORDER BY start_bytes LIMIT ${pageSegments}`,
        [projectId, attemptId, from],
      );
      for (const row of rows) if ((row.flags & 2) === 0) yield { codec: row.codec, payload: row.payload };
      const last = rows.at(-1);
      if (last === undefined || rows.length < pageSegments) return;
      from = Number(last.start_bytes) + 1;
    }
  }

  async finalOf(projectId: string, attemptId: string): Promise<{ bytes: number; sha256: string } | undefined> {
    const { rows } = await this.pool.query<{ bytes: string | null; sha256: string | null }>(
      "SELECT result->'log'->>'bytes' AS bytes, result->'log'->>'sha256' AS sha256 FROM attempts WHERE project_id = $1 AND id = $2",
      [projectId, attemptId],
    );
    const [row] = rows;
    return row?.bytes == null || row.sha256 === null ? undefined : { bytes: Number(row.bytes), sha256: row.sha256 };
  }

  async add(batches: readonly TraceBatch[]): Promise<void> {
    for (const one of batches) {
      await this.pool.query(
        `INSERT INTO trace_batches (project_id, agent_id, sequence, attempt_id, signal, encoding, codec, payload)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
        [
          one.projectId,
          one.agentId,
          one.sequence,
          one.attemptId ?? null,
          one.signal,
          one.encoding,
          one.codec,
          one.payload,
        ],
      );
    }
  }
}
