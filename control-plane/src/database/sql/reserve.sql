-- Reserves the top waiting task runs of a lane for a few seconds. $1 lane, $2 limit, $3 worst level of priority.
-- Candidates are read in order without locks, then the first that are free are locked: two replicas share the work
-- instead of waiting for each other.
WITH candidate AS (
  SELECT project_id, run_id, position FROM task_queue
  WHERE lane_id = $1 AND priority <= $3::smallint AND (taken_until IS NULL OR taken_until < clock_timestamp())
  ORDER BY priority, pass, run_id, position LIMIT ($2::int * 4)
),
free AS (
  SELECT q.project_id, q.run_id, q.position FROM task_queue q JOIN candidate USING (project_id, run_id, position)
  WHERE q.lane_id = $1 AND (q.taken_until IS NULL OR q.taken_until < clock_timestamp())
  ORDER BY q.priority, q.pass, q.run_id, q.position LIMIT $2 FOR UPDATE OF q SKIP LOCKED
)
UPDATE task_queue q SET taken_until = clock_timestamp() + interval '5 seconds'
FROM free WHERE q.project_id = free.project_id AND q.run_id = free.run_id AND q.position = free.position
RETURNING q.project_id, q.run_id, q.position, q.lease_ms, q.avoid_agents, q.pass
