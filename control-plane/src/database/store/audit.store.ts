import type pg from "pg";
import type { Audit, AuditEntry } from "../../audit/entry.ts";
import { withProject } from "../pool.ts";
import { appendAudit } from "./audit-append.ts";

export class PgAudit implements Audit {
  private readonly pool: pg.Pool;

  constructor(api: pg.Pool) {
    this.pool = api;
  }

  append(projectId: string, entry: AuditEntry): Promise<void> {
    return withProject(this.pool, projectId, (client) => appendAudit(client, projectId, entry));
  }
}
