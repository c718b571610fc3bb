-- The level of priority of the first that waits in each lane. $1 lanes. One probe of the order's index for each.
SELECT w.lane AS lane_id, head.priority FROM unnest($1::uuid[]) AS w(lane)
CROSS JOIN LATERAL (
  SELECT q.priority FROM task_queue q
  WHERE q.lane_id = w.lane AND (q.taken_until IS NULL OR q.taken_until < clock_timestamp())
  ORDER BY q.priority, q.pass, q.run_id, q.position LIMIT 1
) head
