-- One level of priority for each quarter of an hour of waiting, so that nothing waits for ever behind what is more
-- urgent. $1 limit. Reads the queue from end to end, once a minute: an index on the time would cost every row that is
-- queued, and most leave long before. What a backfill started stays behind all others (engine/order.ts). Crosses projects by
-- nature.
WITH due AS (
  SELECT project_id, run_id, position,
    least(30000, floor(extract(epoch FROM clock_timestamp() - queued_at) / 900))::smallint AS levels
  FROM task_queue t
  WHERE priority > 1 AND queued_at < clock_timestamp() - (raised + 1) * interval '15 minutes'
    AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.project_id = t.project_id AND r.id = t.run_id AND r.trigger ? 'backfill')
  LIMIT $1 FOR UPDATE OF t SKIP LOCKED
)
UPDATE task_queue q SET priority = greatest(1, q.priority - (due.levels - q.raised)), raised = due.levels
FROM due WHERE q.project_id = due.project_id AND q.run_id = due.run_id AND q.position = due.position
