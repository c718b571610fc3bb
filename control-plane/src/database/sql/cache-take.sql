-- Takes a key for a task run that asks for it: where nobody holds it, or a task run that has ended. $1 project, $2 key,
-- $3 run, $4 position. One row where it holds the key now.
INSERT INTO cache_flights AS x (project_id, key, run_id, position, taken_at)
SELECT $1::uuid, $2::text, $3::uuid, $4::int, clock_timestamp()
WHERE EXISTS (SELECT 1 FROM timers t WHERE t.project_id = $1 AND t.run_id = $3 AND t.position = $4 AND t.kind = 'cache')
ON CONFLICT (project_id, key) DO UPDATE SET run_id = excluded.run_id, position = excluded.position, taken_at = excluded.taken_at
  WHERE x.run_id = excluded.run_id AND x.position = excluded.position
    OR NOT EXISTS (
      SELECT 1 FROM task_runs t
      WHERE t.project_id = x.project_id AND t.run_id = x.run_id AND t.position = x.position AND t.ended_at IS NULL)
RETURNING true AS taken
