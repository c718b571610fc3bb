import { firstPrevious, type AuditHead, type AuditRecordView } from "@capstan/proto";
import type pg from "pg";
import type { AuditFilter, AuditReader } from "../../audit/audit-reader.ts";
import type { Audit, AuditEntry } from "../../audit/entry.ts";
import { withProject } from "../pool.ts";
import { iso } from "./agent-rows.ts";
import { appendAudit } from "./audit-append.ts";

const columns = `seq::float8 AS seq, ${iso("at")} AS at, actor, action, subject, detail,
  previous_sha256 AS "previousSha256", sha256`;
const fits = `project_id = $1 AND ($2::text IS NULL OR actor = $2) AND ($3::text IS NULL OR action = $3)
  AND ($4::timestamptz IS NULL OR at >= $4)`;
const countMax = 10_000;

export class PgAudit implements Audit, AuditReader {
  private readonly pool: pg.Pool;

  constructor(api: pg.Pool) {
    this.pool = api;
  }

  append(projectId: string, entry: AuditEntry): Promise<void> {
    return withProject(this.pool, projectId, (client) => appendAudit(client, projectId, entry));
  }

  list(projectId: string, filter: AuditFilter): Promise<readonly AuditRecordView[]> {
    const [after, direction] = filter.order === "asc" ? [">", "ASC"] : ["<", "DESC"];
    return withProject(this.pool, projectId, async (client) => {
      const { rows } = await client.query<AuditRecordView & pg.QueryResultRow>(
        `SELECT ${columns} FROM audit_records
          WHERE ${fits} AND ($5::bigint IS NULL OR seq ${after} $5) ORDER BY seq ${direction} LIMIT $6`,
        [...values(projectId, filter), filter.from ?? null, filter.limit],
      );
      return rows;
    });
  }

  count(projectId: string, filter: AuditFilter): Promise<number> {
    return withProject(this.pool, projectId, async (client) => {
      const { rows } = await client.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM (SELECT 1 FROM audit_records WHERE ${fits} LIMIT ${countMax}) AS f`,
        values(projectId, filter),
      );
      return rows[0]?.count ?? 0;
    });
  }

  head(projectId: string): Promise<AuditHead> {
    return withProject(this.pool, projectId, async (client) => {
      const { rows } = await client.query<AuditHead & pg.QueryResultRow>(
        `SELECT seq::float8 AS seq, sha256, ${iso("at")} AS at FROM audit_records
          WHERE project_id = $1 ORDER BY seq DESC LIMIT 1`,
        [projectId],
      );
      return rows[0] ?? { seq: 0, sha256: firstPrevious, at: null };
    });
  }
}

const values = (projectId: string, { actor, action, since }: AuditFilter): unknown[] => [
  projectId,
  actor ?? null,
  action ?? null,
  since ?? null,
];
