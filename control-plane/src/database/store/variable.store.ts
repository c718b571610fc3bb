import type { CanonicalWorkflow, VariableView } from "@capstan/proto";
import type pg from "pg";
import type { CheckEdition } from "../../http/etag.ts";
import type { VariableRemoval, VariableStore } from "../../project/variable.store.ts";
import { oneWriter, withProject } from "../pool.ts";
import { iso } from "./agent-rows.ts";
import { appendAudit } from "./audit-append.ts";

const columns = `name, value, ${iso("updated_at")} AS "updatedAt", updated_by AS "updatedBy"`;
type Row = VariableView & pg.QueryResultRow;

export class PgVariableStore implements VariableStore {
  private readonly pool: pg.Pool;

  constructor(api: pg.Pool) {
    this.pool = api;
  }

  list(projectId: string): Promise<readonly VariableView[]> {
    return this.rows<Row>(projectId, `SELECT ${columns} FROM variables WHERE project_id = $1 ORDER BY name`, [
      projectId,
    ]);
  }

  async find(projectId: string, name: string): Promise<VariableView | undefined> {
    const text = `SELECT ${columns} FROM variables WHERE project_id = $1 AND name = $2`;
    return (await this.rows<Row>(projectId, text, [projectId, name]))[0];
  }

  set(
    projectId: string,
    { name, value }: { readonly name: string; readonly value: string },
    actor: string,
    check: CheckEdition<VariableView | undefined>,
  ): Promise<VariableView> {
    return withProject(this.pool, projectId, async (client) => {
      await oneWriter(client, `variable ${projectId} ${name}`);
      const current = await locked(client, projectId, name);
      if (current?.value === value) return current;
      check(current);
      const { rows } = await client.query<Row>(
        `INSERT INTO variables (project_id, name, value, updated_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (project_id, name) DO UPDATE
           SET value = excluded.value, updated_at = clock_timestamp(), updated_by = excluded.updated_by
         RETURNING ${columns}`,
        [projectId, name, value, actor],
      );
      // The value is in no record: what is written there cannot be taken back.
      await appendAudit(client, projectId, { actor, action: "secretRefs:write", subject: name, detail: { set: true } });
      const [row] = rows;
      if (row === undefined) throw new Error(`the variable ${name} was not written`);
      return row;
    });
  }

  remove(projectId: string, name: string, actor: string, check: CheckEdition<VariableView>): Promise<VariableRemoval> {
    return withProject(this.pool, projectId, async (client): Promise<VariableRemoval> => {
      const versions = await client.query<{ name: string; canonical: string }>(
        `SELECT w.name, v.canonical FROM workflows w
           JOIN workflow_versions v ON v.project_id = w.project_id AND v.workflow_id = w.id AND v.digest = w.active_digest
          WHERE w.project_id = $1 AND w.retired_at IS NULL AND strpos(v.canonical, $2) > 0 ORDER BY w.name`,
        [projectId, JSON.stringify(name)],
      );
      const workflows = versions.rows.filter((one) => reads(one.canonical, name)).map((one) => one.name);
      const current = await locked(client, projectId, name);
      if (current === undefined) return { kind: "not_found" };
      check(current);
      if (workflows.length > 0) return { kind: "used", workflows };
      await client.query("DELETE FROM variables WHERE project_id = $1 AND name = $2", [projectId, name]);
      const detail = { removed: true };
      await appendAudit(client, projectId, { actor, action: "secretRefs:write", subject: name, detail });
      return { kind: "removed" };
    });
  }

  async names(projectId: string): Promise<ReadonlySet<string>> {
    const rows = await this.rows<{ name: string }>(projectId, "SELECT name FROM variables WHERE project_id = $1", [
      projectId,
    ]);
    return new Set(rows.map((row) => row.name));
  }

  private rows<T extends pg.QueryResultRow>(projectId: string, text: string, values: readonly unknown[]): Promise<T[]> {
    return withProject(this.pool, projectId, async (client) => (await client.query<T>(text, [...values])).rows);
  }
}

async function locked(client: pg.PoolClient, projectId: string, name: string): Promise<VariableView | undefined> {
  const text = `SELECT ${columns} FROM variables WHERE project_id = $1 AND name = $2 FOR UPDATE`;
  return (await client.query<Row>(text, [projectId, name])).rows[0];
}

/** The document was written by deploy, which checked it. */
const reads = (canonical: string, name: string): boolean =>
  (JSON.parse(canonical) as CanonicalWorkflow).vars?.includes(name) === true;
