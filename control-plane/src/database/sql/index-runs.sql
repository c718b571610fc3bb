-- Follows the event log and writes what ended runs are found by. $1 entries at most. One replica at a time: the place is
-- locked, and another finds none. A log that has gone back in time is followed from its beginning. Crosses projects by nature.
WITH place AS (
  SELECT CASE WHEN tx::xid8 > pg_snapshot_xmax(pg_current_snapshot()) THEN '0'::xid8 ELSE tx::xid8 END AS tx, event_id
  FROM search_position WHERE one = 1 FOR UPDATE SKIP LOCKED
),
seen AS MATERIALIZED (
  SELECT e.tx, e.id, e.project_id, e.run_id FROM place p CROSS JOIN LATERAL (
    SELECT tx, id, project_id, run_id FROM run_events
    WHERE (tx, id) > (p.tx, p.event_id) AND tx < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY tx, id LIMIT $1) e
),
made AS (
  SELECT search_index(array_agg(s.project_id), array_agg(s.run_id))
  FROM (SELECT DISTINCT project_id, run_id FROM seen) s
  WHERE NOT EXISTS (SELECT 1 FROM run_search x WHERE x.project_id = s.project_id AND x.run_id = s.run_id)
),
moved AS (
  UPDATE search_position SET tx = l.tx::text, event_id = l.id
  FROM (SELECT tx, id FROM seen ORDER BY tx DESC, id DESC LIMIT 1) l WHERE one = 1
)
SELECT (SELECT count(*)::int FROM seen) AS seen FROM made
