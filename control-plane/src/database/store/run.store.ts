import { uuidFromId, type JsonValue } from "@capstan/proto";
import type pg from "pg";
import type { HistoryItem } from "../../engine/event.ts";
import type {
  AttemptRecord,
  EventRecord,
  QueuedTask,
  RunFilter,
  RunRecord,
  RunRef,
  RunStore,
  IndexCount,
  TaskRecord,
} from "../../run/run.store.ts";
import { withProject } from "../pool.ts";
import { iso } from "./agent-rows.ts";
import { runColumns, RunLists } from "./run-lists.ts";
import { PgSearchStore } from "./search.store.ts";

const taskRows = `SELECT t.id, t.position, t.key, t.state, t.epoch::float8 AS epoch,
              CASE WHEN t.counters->'map' IS NULL THEN t.attempts ELSE
                (SELECT coalesce(sum(i.attempts), 0)::int FROM task_runs i
                  WHERE i.project_id = t.project_id AND i.run_id = t.run_id
                    AND i.position >= (t.counters->'map'->>'base')::int
                    AND i.position < (t.counters->'map'->>'base')::int + (t.counters->'map'->>'total')::int)
              END AS attempts, t.agent_id AS "agentId",
              a.name AS agent, ${iso("t.created_at")} AS created, ${iso("t.queued_at")} AS queued,
              ${iso("t.started_at")} AS started, ${iso("t.ended_at")} AS ended, ${iso("t.due_at")} AS due,
              t.outputs, t.failure, t.reason, t.counters->'map' AS map, t.counters->'flags' AS flags
         FROM task_runs t LEFT JOIN agents a ON a.project_id = t.project_id AND a.id = t.agent_id`;

export class PgRunStore implements RunStore {
  private readonly pool: pg.Pool;
  private readonly lists: RunLists;

  constructor(api: pg.Pool, engine: pg.Pool) {
    this.pool = api;
    this.lists = new RunLists(api, new PgSearchStore(engine));
  }

  async find(projectId: string, ref: RunRef): Promise<RunRecord | undefined> {
    const [condition, values] =
      "id" in ref
        ? ["r.id = $2", [projectId, ref.id]]
        : ["r.workflow_name = $2 AND r.number = $3", [projectId, ref.workflow, ref.number]];
    const rows = await this.rows<RunRecord & pg.QueryResultRow>(
      projectId,
      `SELECT ${runColumns}, r.inputs, r.outputs, v.number AS version,
              CASE WHEN v.derived_from IS NOT NULL THEN v.canonical::json -> 'derived' END AS overrides,
              (SELECT json_object_agg(s.state, s.count)
                 FROM (SELECT t.state, count(*)::int AS count FROM task_runs t
                        WHERE t.project_id = r.project_id AND t.run_id = r.id GROUP BY t.state) s) AS "taskCounts"
         FROM runs r
         LEFT JOIN workflow_versions v ON v.project_id = r.project_id AND v.workflow_id = r.workflow_id AND v.digest = r.digest
        WHERE r.project_id = $1 AND ${condition}`,
      values,
    );
    return rows[0];
  }

  list(
    projectId: string,
    filter: RunFilter,
    page: { readonly limit: number; readonly after: string | undefined },
  ): Promise<readonly RunRecord[]> {
    return this.lists.list(projectId, filter, page);
  }

  count(projectId: string, filter: RunFilter): Promise<number> {
    return this.lists.count(projectId, filter);
  }

  async agentIds(projectId: string, agents: readonly string[]): Promise<readonly string[]> {
    const ids = agents.flatMap((agent) => uuidFromId("ag", agent) ?? []);
    const rows = await this.rows<{ id: string }>(
      projectId,
      "SELECT id FROM agents WHERE project_id = $1 AND (name = ANY ($2) OR id = ANY ($3::uuid[]))",
      [projectId, agents, ids],
    );
    return rows.map(({ id }) => id);
  }

  tasks(
    projectId: string,
    runId: string,
    range: Parameters<RunStore["tasks"]>[2] = {},
  ): Promise<readonly TaskRecord[]> {
    return this.rows<TaskRecord & pg.QueryResultRow>(
      projectId,
      `${taskRows}
        WHERE t.project_id = $1 AND t.run_id = $2 AND t.position >= $3 AND ($4::int IS NULL OR t.position < $4)
          AND ($5::text[] IS NULL OR t.state = ANY ($5))
        ORDER BY t.position LIMIT $6`,
      [projectId, runId, range.from ?? 0, range.below ?? null, range.states ?? null, range.limit ?? null],
    );
  }

  async task(projectId: string, runId: string, key: string): Promise<TaskRecord | undefined> {
    const rows = await this.rows<TaskRecord & pg.QueryResultRow>(
      projectId,
      `${taskRows} WHERE t.project_id = $1 AND t.run_id = $2 AND t.key = $3`,
      [projectId, runId, key],
    );
    return rows[0];
  }

  indexCounts(projectId: string, runId: string, from: number): Promise<readonly IndexCount[]> {
    return this.rows<IndexCount & pg.QueryResultRow>(
      projectId,
      `SELECT split_part(t.key, '.', 1) AS key, t.state, count(*)::int AS count FROM task_runs t
        WHERE t.project_id = $1 AND t.run_id = $2 AND t.position >= $3 GROUP BY 1, 2`,
      [projectId, runId, from],
    );
  }

  async items(projectId: string, runId: string, position: number): Promise<readonly JsonValue[]> {
    const rows = await this.rows<{ items: JsonValue[] | null }>(
      projectId,
      "SELECT items FROM task_runs WHERE project_id = $1 AND run_id = $2 AND position = $3",
      [projectId, runId, position],
    );
    return rows[0]?.items ?? [];
  }

  attempts(projectId: string, runId: string, position: number | undefined): Promise<readonly AttemptRecord[]> {
    return this.rows<AttemptRecord & pg.QueryResultRow>(
      projectId,
      `SELECT a.id, a.position, t.key, a.number, a.epoch::float8 AS epoch, a.state, a.agent_id AS "agentId",
              coalesce(g.name, '') AS agent, ${iso("a.offered_at")} AS offered, ${iso("a.started_at")} AS started,
              ${iso("a.ended_at")} AS ended, a.failure, a.result,
              CASE WHEN l.attempt_id IS NOT NULL
                   THEN json_build_object('bytes', l.committed_bytes, 'lines', l.committed_lines, 'state', l.state)
                   WHEN a.result->'log'->>'store' IS NOT NULL
                   THEN json_build_object('bytes', a.result->'log'->'bytes', 'lines', 0, 'state', 'kept') END AS log
         FROM attempt_records a
         JOIN task_runs t ON t.project_id = a.project_id AND t.run_id = a.run_id AND t.position = a.position
         LEFT JOIN agents g ON g.project_id = a.project_id AND g.id = a.agent_id
         LEFT JOIN log_streams l ON l.project_id = a.project_id AND l.attempt_id = a.id
        WHERE a.project_id = $1 AND a.run_id = $2 AND ($3::int IS NULL OR a.position = $3)
        ORDER BY a.offered_at, a.id`,
      [projectId, runId, position ?? null],
    );
  }

  async events(projectId: string, runId: string, afterSeq: number, limit: number): Promise<readonly EventRecord[]> {
    const rows = await this.rows<{ first_seq: number; at: string; items: HistoryItem[] }>(
      projectId,
      `SELECT e.first_seq, ${iso("e.at")} AS at, e.items FROM run_events e
        WHERE e.project_id = $1 AND e.run_id = $2 AND e.first_seq + json_array_length(e.items) > $3::bigint + 1
        ORDER BY e.first_seq LIMIT $4`,
      [projectId, runId, afterSeq, limit],
    );
    return rows
      .flatMap((row) => row.items.map((item, index) => ({ seq: row.first_seq + index, at: row.at, item })))
      .filter((event) => event.seq > afterSeq)
      .slice(0, limit);
  }

  async countQueued(projectId: string, max: number): Promise<number> {
    const rows = await this.rows<{ count: number }>(
      projectId,
      "SELECT count(*)::int AS count FROM (SELECT 1 FROM task_queue q WHERE q.project_id = $1 LIMIT $2) AS few",
      [projectId, max],
    );
    return rows[0]?.count ?? 0;
  }

  queued(projectId: string, runId: string | undefined, limit: number): Promise<readonly QueuedTask[]> {
    return this.rows<QueuedTask & pg.QueryResultRow>(
      projectId,
      `SELECT q.run_id AS "runId", r.workflow_name AS workflow, r.number::float8 AS number, t.key, p.name AS pool,
              p.id AS "poolId", l.selector, ${iso("q.queued_at")} AS queued
         FROM task_queue q
         JOIN lanes l ON l.project_id = q.project_id AND l.id = q.lane_id
         JOIN pools p ON p.project_id = l.project_id AND p.id = l.pool_id
         JOIN runs r ON r.project_id = q.project_id AND r.id = q.run_id
         JOIN task_runs t ON t.project_id = q.project_id AND t.run_id = q.run_id AND t.position = q.position
        WHERE q.project_id = $1 AND ($2::uuid IS NULL OR q.run_id = $2)
        ORDER BY q.queued_at, q.run_id, q.position LIMIT $3`,
      [projectId, runId ?? null, limit],
    );
  }

  private rows<T extends pg.QueryResultRow>(projectId: string, text: string, values: readonly unknown[]): Promise<T[]> {
    return withProject(this.pool, projectId, async (client) => (await client.query<T>(text, [...values])).rows);
  }
}
