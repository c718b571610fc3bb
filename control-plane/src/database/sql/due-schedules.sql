-- Schedules that are due, under their locks, past those that another replica holds. $1 limit. Crosses projects by nature.
SELECT s.project_id, p.name AS project, s.workflow_id, w.name AS workflow, s.trigger_id, s.digest, s.spec,
  (extract(epoch FROM s.next_tick_at) * 1000)::float8 AS next_tick_ms,
  s.pause IS NOT NULL AS paused, w.pause IS NOT NULL AS workflow_paused, s.last_run_id,
  EXISTS (SELECT 1 FROM runs r WHERE r.project_id = s.project_id AND r.id = s.last_run_id AND r.ended_at IS NULL)
    OR EXISTS (SELECT 1 FROM timers t WHERE t.project_id = s.project_id AND t.run_id = s.last_run_id AND t.kind = 'schedule_start') AS going,
  (SELECT t.body -> 'cancels' FROM timers t
    WHERE t.project_id = s.project_id AND t.run_id = s.last_run_id AND t.kind = 'schedule_start') AS last_cancels,
  (SELECT count(*)::int FROM timers t WHERE t.project_id = s.project_id
    AND t.awaits = 'schedule:' || s.workflow_id || ':' || s.trigger_id) AS waiting,
  (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms
FROM schedules s
JOIN workflows w ON w.project_id = s.project_id AND w.id = s.workflow_id AND w.retired_at IS NULL
JOIN projects p ON p.id = s.project_id
WHERE s.due_at <= clock_timestamp()
ORDER BY s.due_at LIMIT $1
FOR UPDATE OF s SKIP LOCKED
