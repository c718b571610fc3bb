// Rows of backfills as their port has them.
import type { JsonObject } from "@capstan/proto";
import type pg from "pg";
import type { BackfillRecord, BackfillRunRecord } from "../../backfill/backfill.store.ts";
import { iso } from "./agent-rows.ts";

/** Of `backfills b`, its `workflows w` and `workflow_versions v`. */
export const backfillColumns = `b.id, w.name AS workflow, b.workflow_id AS "workflowId", b.digest, v.number AS version, b.what,
  b.newest_first AS "newestFirst", b.max_parallel AS "maxParallel", b.skip_existing AS "skipExisting", b.total, b.state,
  b.pause, b.taken, b.taken - b.succeeded - b.failed - b.cancelled - b.skipped AS going, b.succeeded, b.failed, b.cancelled,
  b.skipped, b.actor, ${iso("b.created_at")} AS created, ${iso("b.ended_at")} AS ended, b.origin_id AS "originId",
  w.pause IS NOT NULL AS "isWorkflowPaused",
  (SELECT jsonb_build_object('code', o.code, 'detail', o.detail) FROM backfill_runs o
    WHERE o.backfill_id = b.id AND o.project_id = b.project_id AND o.outcome IS NULL AND o.code IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.project_id = o.project_id AND r.id = o.run_id)
    ORDER BY o.ordinal LIMIT 1) AS held`;

export const backfillFrom = `backfills b
  JOIN workflows w ON w.project_id = b.project_id AND w.id = b.workflow_id
  JOIN workflow_versions v ON v.project_id = b.project_id AND v.workflow_id = b.workflow_id AND v.digest = b.digest`;

export type BackfillRow = BackfillRecord & pg.QueryResultRow;

/** Values that something has been done for, behind a number and at most as many. $1 project $2 backfill $3 outcomes $4 after $5 limit. */
export const backfillRunsText = `SELECT o.ordinal, o.at::float8 AS at, CASE WHEN b.items IS NOT NULL THEN b.items -> o.at::int END AS item, o.run_id AS "runId",
         CASE WHEN r.id IS NULL THEN NULL ELSE r.workflow_name || '-' || r.number END AS run, o.outcome, o.code, o.detail
    FROM backfill_runs o
    JOIN backfills b ON b.project_id = o.project_id AND b.id = o.backfill_id
    LEFT JOIN runs r ON r.project_id = o.project_id AND r.id = o.run_id
   WHERE o.project_id = $1 AND o.backfill_id = $2 AND ($3::text[] IS NULL OR o.outcome = ANY ($3))
     AND ($4::int IS NULL OR o.ordinal > $4)
   ORDER BY o.ordinal LIMIT $5`;

export type BackfillRunRow = BackfillRunRecord & pg.QueryResultRow;

export interface LockedRow {
  readonly project_id: string;
  readonly project: string;
  readonly id: string;
  readonly workflow_id: string;
  readonly workflow: string;
  readonly digest: string;
  readonly what: BackfillRecord["what"];
  readonly newest_first: boolean;
  readonly max_parallel: number;
  readonly skip_existing: boolean;
  readonly state: BackfillRecord["state"];
  readonly cursor: number | null;
  readonly taken: number;
}

export interface StartRow {
  readonly state: BackfillRecord["state"];
  readonly actor: string;
  readonly inputs: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly item: JsonObject | null;
}
