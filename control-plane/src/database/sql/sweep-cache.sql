-- Deletes cached results whose time is over, and flights whose task run has ended: left where a cancel met the taking of
-- the key. $1 limit of each. Crosses projects by nature.
WITH results AS (
  DELETE FROM cached_results c
  USING (
    SELECT project_id, key FROM cached_results
    WHERE expires_at < clock_timestamp() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
  ) old
  WHERE c.project_id = old.project_id AND c.key = old.key
  RETURNING 1
), flights AS (
  DELETE FROM cache_flights x
  USING (
    SELECT f.project_id, f.key FROM cache_flights f
    WHERE NOT EXISTS (
      SELECT 1 FROM task_runs t
      WHERE t.project_id = f.project_id AND t.run_id = f.run_id AND t.position = f.position AND t.ended_at IS NULL)
    LIMIT $1 FOR UPDATE OF f SKIP LOCKED
  ) old
  WHERE x.project_id = old.project_id AND x.key = old.key
  RETURNING 1
)
SELECT (SELECT count(*) FROM results)::int AS results, (SELECT count(*) FROM flights)::int AS flights
