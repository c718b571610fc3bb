-- The event log behind a place, up to what is certainly over. Items are read only where one of them is looked for.
-- $1 transaction, $2 event, $3 limit. Crosses projects by nature.
SELECT e.tx::text AS tx, e.id::text AS id, e.project_id, e.run_id, (extract(epoch FROM e.at) * 1000)::float8 AS at_ms, e.first_seq,
  CASE WHEN e.items::text ~ '"type":"(run\.(queued|started|succeeded|failed|cancelled|timed_out|late)|task\.(failed|timed_out|retrying|suspended))"'
    THEN e.items END AS items
FROM run_events e
WHERE (e.tx, e.id) > ($1::text::xid8, $2::bigint) AND e.tx < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.tx, e.id LIMIT $3
