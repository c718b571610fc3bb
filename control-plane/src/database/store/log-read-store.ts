// Stored logs in PostgreSQL, the reading side, within a project.
import type pg from "pg";
import { isRunEnded, residencyOf, runName, type CanonicalWorkflow, type RunState } from "@capstan/proto";
import type { LogReadStore, ReadRun, ReadSegment, ReadStream } from "../../log/log-read.store.ts";
import { withProject } from "../pool.ts";

interface SegmentColumns {
  readonly start_bytes: string;
  readonly length_bytes: string;
  readonly start_lines: string;
  readonly lines: number;
  readonly base_ms: string;
  readonly codec: number;
  readonly flags: number;
  readonly payload: Buffer;
}

function keptTasksOf(canonical: string): readonly string[] {
  const document = JSON.parse(canonical) as CanonicalWorkflow; // written by deploy
  return [...residencyOf(document)].filter(([, { localLogs }]) => localLogs).map(([key]) => key);
}

export class PgLogReadStore implements LogReadStore {
  private readonly pool: pg.Pool;

  constructor(api: pg.Pool) {
    this.pool = api;
  }

  async run(
    projectId: string,
    ref: { readonly id: string } | { readonly workflow: string; readonly number: number },
  ): Promise<ReadRun | undefined> {
    const [condition, values] =
      "id" in ref
        ? ["id = $2", [projectId, ref.id]]
        : ["workflow_name = $2 AND number = $3", [projectId, ref.workflow, ref.number]];
    const { rows } = await this.within<{
      id: string;
      workflow_name: string;
      number: string;
      state: RunState;
      classified: string | null;
    }>(
      projectId,
      `SELECT id, workflow_name, number, state,
              (SELECT v.canonical FROM workflow_versions v
                WHERE v.project_id = r.project_id AND v.workflow_id = r.workflow_id AND v.digest = r.digest
                  AND position('"allowedOn":' IN v.canonical) > 0) AS classified
         FROM runs r WHERE project_id = $1 AND ${condition}`,
      values,
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    return {
      runId: row.id,
      name: runName(row.workflow_name, Number(row.number)),
      state: row.state,
      ended: isRunEnded(row.state),
      keptTasks: row.classified === null ? [] : keptTasksOf(row.classified),
    };
  }

  async hasTask(projectId: string, runId: string, task: string): Promise<boolean> {
    const { rows } = await this.within<{ found: number }>(
      projectId,
      "SELECT 1 AS found FROM task_runs WHERE project_id = $1 AND run_id = $2 AND key = $3 LIMIT 1",
      [projectId, runId, task],
    );
    return rows.length > 0;
  }

  async streams(
    projectId: string,
    run: ReadRun,
    task: string | undefined,
    attempt: number | undefined,
  ): Promise<readonly ReadStream[]> {
    const { rows } = await this.within<{
      attempt_id: string;
      key: string;
      number: number;
      bytes: string;
      lines: string;
      state: ReadStream["state"];
      sha256: string | null;
      ended: boolean;
      agent: string;
      store: string | null;
    }>(
      projectId,
      `SELECT a.id AS attempt_id, t.key, a.number, coalesce(l.committed_bytes, (a.result->'log'->>'bytes')::bigint, 0) AS bytes,
              coalesce(l.committed_lines, 0) AS lines, coalesce(l.final_sha256, a.result->'log'->>'sha256') AS sha256,
              a.ended_at IS NOT NULL AS ended, coalesce(g.name, '') AS agent,
              coalesce(a.result->'log'->>'store', g.labels_fact->>'store') AS store,
              CASE WHEN l.attempt_id IS NULL THEN 'kept'
                   WHEN l.state = 'open' AND a.ended_at < clock_timestamp() - interval '60 seconds' THEN 'incomplete'
                   ELSE l.state END AS state
         FROM attempt_records a
         LEFT JOIN log_streams l ON l.project_id = a.project_id AND l.attempt_id = a.id
         LEFT JOIN agents g ON g.project_id = a.project_id AND g.id = a.agent_id
         JOIN task_runs t ON t.project_id = a.project_id AND t.run_id = a.run_id AND t.position = a.position
        WHERE a.project_id = $1 AND a.run_id = $2 AND ($3::text IS NULL OR t.key = $3 OR starts_with(t.key, $3 || '.')) AND ($4::int IS NULL OR a.number = $4)
          AND (l.attempt_id IS NOT NULL OR a.result->'log'->>'store' IS NOT NULL
               OR (a.ended_at IS NULL AND (t.key = ANY ($5::text[]) OR regexp_replace(t.key, '\\.[0-9]+$', '') = ANY ($5::text[]))))
        ORDER BY coalesce(a.started_at, a.offered_at), a.position, a.number`,
      [projectId, run.runId, task ?? null, attempt ?? null, run.keptTasks],
    );
    return rows.map((row) => ({
      runId: run.runId,
      task: row.key,
      attempt: row.number,
      attemptId: row.attempt_id,
      bytes: Number(row.bytes),
      lines: Number(row.lines),
      state: row.state,
      sha256: row.sha256 ?? undefined,
      ended: row.ended,
      keptBy: row.state === "kept" ? { agent: row.agent, store: row.store ?? "" } : undefined,
    }));
  }

  async segments(
    projectId: string,
    attemptId: string,
    fromLine: number,
    limit: number,
  ): Promise<readonly ReadSegment[]> {
    const { rows } = await this.within<SegmentColumns>(
      projectId,
      `SELECT start_bytes, length_bytes, start_lines, lines, base_ms, codec, flags, payload FROM log_segments
        WHERE project_id = $1 AND attempt_id = $2 AND start_lines + lines > $3 ORDER BY start_bytes LIMIT $4`,
      [projectId, attemptId, fromLine, limit],
    );
    return rows.map((row) => ({
      startBytes: Number(row.start_bytes),
      lengthBytes: Number(row.length_bytes),
      startLines: Number(row.start_lines),
      lines: row.lines,
      baseMs: Number(row.base_ms),
      codec: row.codec,
      flags: row.flags,
      payload: row.payload,
    }));
  }

  private within<R extends pg.QueryResultRow>(
    projectId: string,
    text: string,
    values: unknown[],
  ): Promise<pg.QueryResult<R>> {
    return withProject(this.pool, projectId, (client) => client.query<R>(text, values));
  }
}
