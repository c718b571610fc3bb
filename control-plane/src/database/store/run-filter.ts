// Which runs a list or an operation is about, as SQL. Values $1 to $8.
import type { RunFilter } from "../../run/run.store.ts";

/** Condition on `runs r`. */
export const filterSql = `r.project_id = $1
  AND ($2::text[] IS NULL OR r.state = ANY($2))
  AND ($3::text[] IS NULL OR r.workflow_name = ANY($3))
  AND ($4::jsonb[] IS NULL OR EXISTS (SELECT 1 FROM unnest($4::jsonb[]) AS l(label) WHERE r.labels @> l.label))
  AND ($5::timestamptz IS NULL OR r.created_at >= $5)
  AND ($6::timestamptz IS NULL OR r.created_at < $6)
  AND ($7::text IS NULL OR strpos(r.workflow_name, $7) > 0)
  AND ($8::bigint IS NULL OR r.number = $8)`;

export const filterValues = (projectId: string, filter: RunFilter): unknown[] => [
  projectId,
  filter.states ?? null,
  filter.workflows ?? null,
  filter.labels?.map((label) => JSON.stringify(label)) ?? null,
  filter.createdAfter ?? null,
  filter.createdBefore ?? null,
  filter.text ?? null,
  filter.number ?? null,
];
