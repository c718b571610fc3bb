import { runName, type CanonicalWorkflow, type SetLimitBody } from "@capstan/proto";
import type pg from "pg";
import { limitNameOf, namedLimitKey } from "../../engine/limit.ts";
import type { LimitHolder, LimitPicture, PicturedLimit, PicturedWait } from "../../explain/limit-picture.ts";
import type { CheckEdition } from "../../http/etag.ts";
import type { LimitRemoval, LimitRow, LimitStore } from "../../project/limit.store.ts";
import { oneWriter, withProject } from "../pool.ts";
import { iso, isOnline } from "./agent-rows.ts";
import { appendAudit } from "./audit-append.ts";

const used = `(SELECT coalesce(sum(h.weight), 0)::int FROM limit_holds h
  WHERE h.limit_key = 'limit:' || l.name AND h.project_id = l.project_id
    AND (h.until_at IS NULL OR h.until_at > clock_timestamp()))`;
const columns = `l.name, l.capacity, l.per_ms::float8 AS "perMs", ${used} AS used,
  ${iso("l.created_at")} AS "createdAt", ${iso("l.updated_at")} AS "updatedAt"`;

interface HolderColumns extends Omit<LimitHolder, "run" | "until"> {
  readonly key: string;
  readonly workflow: string;
  readonly number: number;
  readonly until: string | null;
  /** Of the whole limit, holders beyond the first included. */
  readonly used: number;
}

export class PgLimitStore implements LimitStore, LimitPicture {
  private readonly pool: pg.Pool;

  constructor(api: pg.Pool) {
    this.pool = api;
  }

  list(projectId: string): Promise<readonly LimitRow[]> {
    return this.rows<LimitRow & pg.QueryResultRow>(
      projectId,
      `SELECT ${columns} FROM limits l WHERE l.project_id = $1 ORDER BY l.name`,
      [projectId],
    );
  }

  async find(projectId: string, name: string): Promise<(LimitRow & { readonly waiting: number }) | undefined> {
    const rows = await this.rows<LimitRow & { readonly waiting: number } & pg.QueryResultRow>(
      projectId,
      `SELECT ${columns},
              (SELECT count(*)::int FROM task_queue q JOIN lanes n ON n.project_id = q.project_id AND n.id = q.lane_id
                WHERE q.project_id = l.project_id
                  AND n.selector @> jsonb_build_object('limits', jsonb_build_array(jsonb_build_object('key', 'limit:' || l.name)))) AS waiting
         FROM limits l WHERE l.project_id = $1 AND l.name = $2`,
      [projectId, name],
    );
    return rows[0];
  }

  set(
    projectId: string,
    { name, capacity, perMs }: SetLimitBody & { readonly name: string },
    actor: string,
    check: CheckEdition<LimitRow | undefined>,
  ): Promise<LimitRow> {
    return withProject(this.pool, projectId, async (client) => {
      await oneWriter(client, `limit ${projectId} ${name}`);
      const current = await locked(client, projectId, name);
      if (current?.capacity === capacity && current.perMs === (perMs ?? null)) return current;
      check(current);
      await client.query(
        `INSERT INTO limits (project_id, name, capacity, per_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (project_id, name) DO UPDATE
           SET capacity = excluded.capacity, per_ms = excluded.per_ms, updated_at = clock_timestamp()`,
        [projectId, name, capacity, perMs ?? null],
      );
      const detail = { capacity, ...(perMs === undefined ? {} : { perMs }) };
      await appendAudit(client, projectId, { actor, action: "limits:write", subject: name, detail });
      const row = await locked(client, projectId, name);
      if (row === undefined) throw new Error(`the limit ${name} was not written`);
      return row;
    });
  }

  remove(projectId: string, name: string, actor: string, check: CheckEdition<LimitRow>): Promise<LimitRemoval> {
    return withProject(this.pool, projectId, async (client): Promise<LimitRemoval> => {
      const row = await locked(client, projectId, name);
      if (row === undefined) return { kind: "not_found" };
      check(row);
      const versions = await client.query<{ name: string; canonical: string }>(
        `SELECT w.name, v.canonical FROM workflows w
           JOIN workflow_versions v ON v.project_id = w.project_id AND v.workflow_id = w.id AND v.digest = w.active_digest
          WHERE w.project_id = $1 AND strpos(v.canonical, $2) > 0 ORDER BY w.name`,
        [projectId, JSON.stringify(name)],
      );
      const workflows = versions.rows.filter((one) => takesOf(one.canonical, name)).map((one) => one.name);
      if (workflows.length > 0 || row.used > 0) return { kind: "used", workflows, held: row.used };
      await client.query("DELETE FROM limits WHERE project_id = $1 AND name = $2", [projectId, name]);
      await appendAudit(client, projectId, { actor, action: "limits:write", subject: name, detail: { removed: true } });
      return { kind: "removed" };
    });
  }

  async capacities(projectId: string): Promise<ReadonlyMap<string, number>> {
    const rows = await this.rows<{ name: string; capacity: number }>(
      projectId,
      "SELECT name, capacity FROM limits WHERE project_id = $1",
      [projectId],
    );
    return new Map(rows.map((row) => [row.name, row.capacity]));
  }

  async limits(
    projectId: string,
    keys: readonly string[],
    holdersMax: number,
  ): Promise<ReadonlyMap<string, PicturedLimit>> {
    const holders = await this.rows<HolderColumns & pg.QueryResultRow>(
      projectId,
      `SELECT f.key, f.used, r.workflow_name AS workflow, r.number::float8 AS number, t.key AS task,
              f.attempt_id AS "attemptId", f.weight, ${iso("f.taken_at")} AS since, ${iso("f.until_at")} AS until,
              f.until_at IS NULL AND NOT ${isOnline} AS silent
         FROM (SELECT h.*, h.limit_key AS key, (sum(h.weight) OVER (PARTITION BY h.limit_key))::int AS used,
                      row_number() OVER (PARTITION BY h.limit_key ORDER BY h.taken_at, h.attempt_id) AS n
                 FROM limit_holds h
                WHERE h.limit_key = ANY ($2) AND h.project_id = $1 AND (h.until_at IS NULL OR h.until_at > clock_timestamp())) f
         JOIN runs r ON r.project_id = f.project_id AND r.id = f.run_id
         JOIN task_runs t ON t.project_id = f.project_id AND t.run_id = f.run_id AND t.position = f.position
         CROSS JOIN lease_clock c
         LEFT JOIN agent_sessions s ON s.project_id = t.project_id AND s.agent_id = t.agent_id
        WHERE f.n <= $3 ORDER BY f.key, f.n`,
      [projectId, [...keys], holdersMax],
    );
    const names = keys.flatMap((key) => limitNameOf(key) ?? []);
    const rows = await this.rows<{ name: string; capacity: number; perMs: number | null }>(
      projectId,
      `SELECT name, capacity, per_ms::float8 AS "perMs" FROM limits WHERE project_id = $1 AND name = ANY ($2)`,
      [projectId, names],
    );
    const byKey = new Map(rows.map((row) => [namedLimitKey(row.name), row]));
    return new Map(
      keys.map((key) => {
        const held = holders.filter((one) => one.key === key);
        const row = byKey.get(key);
        const pictured: PicturedLimit = {
          capacity: row?.capacity,
          perMs: row?.perMs ?? undefined,
          used: held[0]?.used ?? 0,
          holders: held.map(({ task, attemptId, weight, since, until, silent, workflow, number }) => ({
            run: runName(workflow, number),
            task,
            attemptId,
            weight,
            since,
            until: until ?? undefined,
            silent,
          })),
        };
        return [key, pictured];
      }),
    );
  }

  async groupWait(projectId: string, runId: string): Promise<PicturedWait | undefined> {
    const rows = await this.rows<
      Omit<PicturedWait, "holders" | "pause"> & {
        readonly key: string;
        readonly pause: PicturedWait["pause"] | null;
      } & pg.QueryResultRow
    >(
      projectId,
      `SELECT g.group_key AS key, g.capacity, w.pause, g.state = 'superseded' AS superseded,
              (SELECT count(*)::int FROM run_groups a WHERE a.group_key = g.group_key AND a.project_id = g.project_id
                AND a.state = 'active') AS active,
              (SELECT count(*)::int FROM run_groups a WHERE a.group_key = g.group_key AND a.project_id = g.project_id
                AND a.state = 'waiting' AND a.run_id < g.run_id) AS ahead
         FROM run_groups g
         JOIN runs r ON r.project_id = g.project_id AND r.id = g.run_id
         JOIN workflows w ON w.project_id = r.project_id AND w.id = r.workflow_id
        WHERE g.project_id = $1 AND g.run_id = $2 AND g.state <> 'active'`,
      [projectId, runId],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    const { key, pause, ...wait } = row;
    const holders = await this.rows<{ workflow: string; number: number; since: string }>(
      projectId,
      `SELECT r.workflow_name AS workflow, r.number::float8 AS number, ${iso("r.started_at")} AS since
         FROM run_groups g JOIN runs r ON r.project_id = g.project_id AND r.id = g.run_id
        WHERE g.group_key = $2 AND g.project_id = $1 AND g.state = 'active' ORDER BY g.run_id LIMIT 5`,
      [projectId, key],
    );
    return {
      ...wait,
      pause: pause ?? undefined,
      holders: holders.map((one) => ({ run: runName(one.workflow, one.number), since: one.since })),
    };
  }

  private rows<T extends pg.QueryResultRow>(projectId: string, text: string, values: readonly unknown[]): Promise<T[]> {
    return withProject(this.pool, projectId, async (client) => (await client.query<T>(text, [...values])).rows);
  }
}

async function locked(client: pg.PoolClient, projectId: string, name: string): Promise<LimitRow | undefined> {
  const { rows } = await client.query<LimitRow & pg.QueryResultRow>(
    `SELECT ${columns} FROM limits l WHERE l.project_id = $1 AND l.name = $2 FOR UPDATE`,
    [projectId, name],
  );
  return rows[0];
}

function takesOf(canonical: string, name: string): boolean {
  const { tasks } = JSON.parse(canonical) as CanonicalWorkflow; // written by deploy, which checked it
  return Object.values(tasks).some((task) => task.limits?.some((limit) => limit.name === name) === true);
}
