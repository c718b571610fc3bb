// The audit chain of a project: each record covers the one before, so that an edit, a removal or a swap shows.
import { createHash } from "node:crypto";
import { auditText, firstPrevious } from "@capstan/proto";
import type pg from "pg";
import type { AuditEntry } from "../../audit/entry.ts";

/** Appends in the transaction of the change, under a lock of the chain's head. */
export async function appendAudit(client: pg.PoolClient, projectId: string, entry: AuditEntry): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended('audit ' || $1, 0))", [projectId]);
  const head = await client.query<{ seq: string; sha256: string; at: string }>(
    `SELECT h.seq, h.sha256, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
       FROM (SELECT seq, sha256 FROM audit_records WHERE project_id = $1
             UNION ALL SELECT 0, '${firstPrevious}' ORDER BY seq DESC LIMIT 1) h`,
    [projectId],
  );
  const row = head.rows[0];
  if (row === undefined) throw new Error("the audit chain has no head");
  const seq = Number(row.seq) + 1;
  const sha256 = createHash("sha256")
    .update(row.sha256)
    .update(auditText(seq, row.at, entry))
    .digest("hex");
  await client.query(
    `INSERT INTO audit_records (project_id, seq, at, actor, action, subject, detail, previous_sha256, sha256)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      projectId,
      seq,
      row.at,
      entry.actor,
      entry.action,
      entry.subject,
      JSON.stringify(entry.detail),
      row.sha256,
      sha256,
    ],
  );
}
