import { idFromUuid, runName, type OperationView } from "@capstan/proto";
import type pg from "pg";
import type { Once, OnceKey } from "../../http/once-key.ts";
import type {
  ClaimedRun,
  NewOperation,
  OperationMade,
  OperationStore,
  RunOutcome,
  SelectedRuns,
} from "../../operation/operation.store.ts";
import type { RunFilter } from "../../run/run.store.ts";
import { inTransaction, withProject } from "../pool.ts";
import { iso } from "./agent-rows.ts";
import { appendAudit } from "./audit-append.ts";
import { once } from "./once.ts";
import { filterSql, filterValues } from "./run-filter.ts";

const namesMax = 10;
const problemsMax = 50;
const permissionOf = { cancel: "runs:cancel", retry: "runs:retry", rerun: "runs:start" } as const;

/** Operations on PostgreSQL: asked for by the request role, worked off by the engine's, which sees all projects. */
export class PgOperationStore implements OperationStore {
  private readonly api: pg.Pool;
  private readonly engine: pg.Pool;

  constructor(api: pg.Pool, engine: pg.Pool) {
    this.api = api;
    this.engine = engine;
  }

  select(projectId: string, filter: RunFilter, max: number): Promise<SelectedRuns> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM (SELECT 1 FROM runs r WHERE ${filterSql} LIMIT $9) AS few`,
        [...filterValues(projectId, filter), max + 1],
      );
      const names = await client.query<NameColumns>(
        `SELECT r.workflow_name AS workflow, r.number::float8 AS number FROM runs r WHERE ${filterSql}
          ORDER BY r.id DESC LIMIT ${namesMax}`,
        filterValues(projectId, filter),
      );
      return { count: rows[0]?.count ?? 0, names: names.rows.map(nameOf) };
    });
  }

  create(
    projectId: string,
    operation: NewOperation,
    choice: { readonly filter: RunFilter; readonly max: number; readonly expectCount: number | undefined },
    key: OnceKey | undefined,
  ): Promise<Once<OperationMade>> {
    return withProject(this.api, projectId, async (client) => {
      await client.query("SAVEPOINT before_operation");
      const made = await once(client, projectId, key, () => write(client, projectId, operation, choice));
      // What was not made leaves nothing behind, its key included.
      if (made.value.kind !== "made") await client.query("ROLLBACK TO SAVEPOINT before_operation");
      return made;
    });
  }

  find(projectId: string, id: string): Promise<OperationView | undefined> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<Omit<OperationView, "id" | "problems"> & pg.QueryResultRow>(
        `SELECT o.action, o.actor, ${iso("o.created_at")} AS "createdAt", c.total, c.done, c.refused,
                c.total - c.done - c.refused AS open
           FROM operations o, LATERAL (
             SELECT count(*)::int AS total, (count(*) FILTER (WHERE r.outcome = 'done'))::int AS done,
                    (count(*) FILTER (WHERE r.outcome = 'refused'))::int AS refused
               FROM operation_runs r WHERE r.project_id = o.project_id AND r.operation_id = o.id) c
          WHERE o.project_id = $1 AND o.id = $2`,
        [projectId, id],
      );
      const [row] = rows;
      if (row === undefined) return undefined;
      const problems = await client.query<NameColumns & { code: string; detail: string }>(
        `SELECT r.workflow_name AS workflow, r.number::float8 AS number, p.code, p.detail
           FROM operation_runs p JOIN runs r ON r.project_id = p.project_id AND r.id = p.run_id
          WHERE p.project_id = $1 AND p.operation_id = $2 AND p.outcome = 'refused'
          ORDER BY p.run_id LIMIT ${problemsMax}`,
        [projectId, id],
      );
      return {
        id: idFromUuid("op", id),
        ...row,
        problems: problems.rows.map((one) => ({ run: nameOf(one), code: one.code, detail: one.detail })),
      };
    });
  }

  async claim(limit: number, claimMs: number): Promise<readonly ClaimedRun[]> {
    const { rows } = await this.engine.query<ClaimedRun & pg.QueryResultRow>(
      `WITH open AS (
         SELECT r.project_id, r.operation_id, r.run_id FROM operation_runs r
          WHERE r.outcome IS NULL AND (r.claimed_until IS NULL OR r.claimed_until < clock_timestamp())
          ORDER BY r.operation_id, r.run_id LIMIT $1 FOR UPDATE SKIP LOCKED),
       claimed AS (
         UPDATE operation_runs r SET claimed_until = clock_timestamp() + make_interval(secs => $2::float8 / 1000)
           FROM open WHERE r.project_id = open.project_id AND r.operation_id = open.operation_id AND r.run_id = open.run_id
         RETURNING r.project_id, r.operation_id, r.run_id)
       SELECT c.project_id AS "projectId", p.name AS project, c.operation_id AS "operationId", c.run_id AS "runId",
              o.action, o.options, o.actor, o.caller
         FROM claimed c JOIN operations o ON o.project_id = c.project_id AND o.id = c.operation_id
         JOIN projects p ON p.id = c.project_id`,
      [limit, claimMs],
    );
    return rows;
  }

  async settle(outcomes: readonly RunOutcome[]): Promise<void> {
    if (outcomes.length === 0) return;
    await inTransaction(this.engine, (client) =>
      client.query(
        `UPDATE operation_runs r SET outcome = s.outcome, code = s.code, detail = s.detail, claimed_until = NULL
           FROM jsonb_to_recordset($1::jsonb) AS s(project_id uuid, operation_id uuid, run_id uuid, outcome text, code text, detail text)
          WHERE r.project_id = s.project_id AND r.operation_id = s.operation_id AND r.run_id = s.run_id
            AND r.outcome IS NULL`,
        [
          JSON.stringify(
            outcomes.map(({ run, outcome, code, detail }) => ({
              project_id: run.projectId,
              operation_id: run.operationId,
              run_id: run.runId,
              outcome,
              code,
              detail: detail?.slice(0, 2000),
            })),
          ),
        ],
      ),
    );
  }
}

interface NameColumns {
  readonly workflow: string;
  readonly number: number;
}

const nameOf = ({ workflow, number }: NameColumns): string => runName(workflow, number);

async function write(
  client: pg.PoolClient,
  projectId: string,
  { id, action, options, actor, caller }: NewOperation,
  { filter, max, expectCount }: { filter: RunFilter; max: number; expectCount: number | undefined },
): Promise<OperationMade> {
  await client.query(
    "INSERT INTO operations (project_id, id, action, options, actor, caller) VALUES ($1, $2, $3, $4, $5, $6)",
    [projectId, id, action, JSON.stringify(options), actor, caller],
  );
  const selected = await client.query(
    `INSERT INTO operation_runs (project_id, operation_id, run_id)
     SELECT r.project_id, $9::uuid, r.id FROM runs r WHERE ${filterSql} ORDER BY r.id DESC LIMIT $10`,
    [...filterValues(projectId, filter), id, max + 1],
  );
  const count = selected.rowCount ?? 0;
  if (count > max) return { kind: "too_many" };
  const first = await client.query<NameColumns>(
    `SELECT r.workflow_name AS workflow, r.number::float8 AS number
       FROM operation_runs o JOIN runs r ON r.project_id = o.project_id AND r.id = o.run_id
      WHERE o.project_id = $1 AND o.operation_id = $2 ORDER BY o.run_id DESC LIMIT ${namesMax}`,
    [projectId, id],
  );
  const runs = { count, names: first.rows.map(nameOf) };
  if (expectCount !== undefined && expectCount !== count) return { kind: "count_changed", ...runs };
  if (count === 0) {
    await client.query("DELETE FROM operations WHERE project_id = $1 AND id = $2", [projectId, id]);
    return { kind: "made", operation: null, ...runs };
  }
  const subject = idFromUuid("op", id);
  await appendAudit(client, projectId, {
    actor,
    action: permissionOf[action],
    subject,
    detail: { action, runs: count },
  });
  return { kind: "made", operation: id, ...runs };
}
