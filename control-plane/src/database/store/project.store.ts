import type { ChangeProjectBody } from "@capstan/proto";
import type pg from "pg";
import type { CheckEdition } from "../../http/etag.ts";
import type { DescribedProject, ProjectStore } from "../../project/project.store.ts";
import { inTransaction } from "../pool.ts";
import { appendAudit } from "./audit-append.ts";

const found = `SELECT id, name, description, (extract(epoch FROM created_at) * 1000)::float8 AS "createdMs"
  FROM projects WHERE id = $1`;
type Row = DescribedProject & pg.QueryResultRow;

/** Projects on PostgreSQL, by the role that makes them. */
export class PgProjectStore implements ProjectStore {
  private readonly pool: pg.Pool;

  constructor(auth: pg.Pool) {
    this.pool = auth;
  }

  async find(projectId: string): Promise<DescribedProject | undefined> {
    return (await this.pool.query<Row>(found, [projectId])).rows[0];
  }

  change(
    projectId: string,
    { description }: ChangeProjectBody,
    actor: string,
    check: CheckEdition<DescribedProject>,
  ): Promise<DescribedProject | undefined> {
    return inTransaction(this.pool, async (client) => {
      const [current] = (await client.query<Row>(`${found} FOR UPDATE`, [projectId])).rows;
      if (current === undefined || description === undefined || description === current.description) return current;
      check(current);
      await client.query("UPDATE projects SET description = $2 WHERE id = $1", [projectId, description]);
      const detail = { description, before: current.description };
      await appendAudit(client, projectId, { actor, action: "project:write", subject: current.name, detail });
      return { ...current, description };
    });
  }
}
