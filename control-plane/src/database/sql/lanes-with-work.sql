-- Lanes that have waiting work. A loose scan over the queue's order index: two probes per lane, never the backlog.
WITH RECURSIVE lane AS (
  (SELECT lane_id FROM task_queue ORDER BY lane_id LIMIT 1)
  UNION ALL
  SELECT (SELECT q.lane_id FROM task_queue q WHERE q.lane_id > lane.lane_id ORDER BY q.lane_id LIMIT 1)
  FROM lane WHERE lane.lane_id IS NOT NULL
)
SELECT l.project_id, l.id, l.pool_id, l.selector, head.pass
FROM lane JOIN lanes l ON l.id = lane.lane_id
JOIN pools p ON p.project_id = l.project_id AND p.id = l.pool_id AND p.paused_at IS NULL
CROSS JOIN LATERAL (
  SELECT q.pass FROM task_queue q WHERE q.lane_id = l.id ORDER BY q.priority, q.pass, q.run_id, q.position LIMIT 1
) head
