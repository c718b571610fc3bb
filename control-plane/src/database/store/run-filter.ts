// Which runs a list or an operation is about, as SQL.
import type { RunFilter } from "../../run/run.store.ts";

/** Condition on `runs r`, for what an operation may say. Values $1 to $8. */
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

/** As the function run_duration, for a row that is not of the table's own type. */
const durationMs = "(extract(epoch FROM r.ended_at - coalesce(r.started_at, r.created_at)) * 1000)::bigint";

/** The same with all that a list may be searched by. Values $1 to $16. */
export const searchSql = `${filterSql}
  AND ($9::text[] IS NULL OR EXISTS (SELECT 1 FROM unnest($9::text[], $10::text[]) AS i(key, value)
    WHERE r.inputs ->> i.key = i.value AND jsonb_typeof(r.inputs -> i.key) IN ('string', 'number', 'boolean')))
  AND ($11::text IS NULL OR (r.failure IS NOT NULL AND search_words(search_failure(r.failure)) @> search_words($11)))
  AND ($12::text[] IS NULL OR r.trigger ->> 'kind' = ANY($12))
  AND ($13::uuid[] IS NULL OR EXISTS (SELECT 1 FROM attempt_records a
    WHERE a.project_id = r.project_id AND a.run_id = r.id AND a.agent_id = ANY($13)))
  AND ($14::bigint IS NULL OR ${durationMs} >= $14)
  AND ($15::bigint IS NULL OR ${durationMs} <= $15)
  AND ($16::text IS NULL OR r.trigger ->> 'backfill' = $16)`;

export const searchValues = (projectId: string, filter: RunFilter): unknown[] => [
  ...filterValues(projectId, filter),
  filter.inputs?.map(({ key }) => key) ?? null,
  filter.inputs?.map(({ value }) => value) ?? null,
  filter.error ?? null,
  filter.triggers ?? null,
  filter.agentIds ?? null,
  filter.durationMsMin ?? null,
  filter.durationMsMax ?? null,
  filter.backfillId ?? null,
];
