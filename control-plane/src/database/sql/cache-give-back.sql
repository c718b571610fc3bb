-- A key that was taken and is not needed: there is a result after all. Those that waited meanwhile are told. $1 project,
-- $2 key, $3 run, $4 position.
WITH given AS (
  DELETE FROM cache_flights WHERE project_id = $1 AND key = $2 AND run_id = $3 AND position = $4
  RETURNING project_id, key
)
INSERT INTO timers (project_id, run_id, position, kind, due_at)
SELECT w.project_id, w.run_id, w.position, 'cache_free', clock_timestamp()
FROM given g JOIN timers w ON w.project_id = g.project_id AND w.awaits = 'cache:' || g.key
WHERE w.run_id <> $3 OR w.position <> $4
ON CONFLICT DO NOTHING
