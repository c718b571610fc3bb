-- Events that were not told yet, to the task runs that wait for their type: a timer row each, due now. $1 limit of events.
-- Crosses projects by nature; every join carries project_id. An event is committed before it comes here, so whoever begins
-- to wait and is not seen by this statement sees the event (event/tell-loop.ts, T1).
WITH untold AS (
  SELECT project_id, id, type, body FROM project_events WHERE told_at IS NULL ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED
), put AS (
  INSERT INTO timers (project_id, run_id, position, kind, due_at, body)
  SELECT t.project_id, t.run_id, t.position, 'event:' || e.id, clock_timestamp(), jsonb_build_object('event', e.body)
  FROM untold e JOIN timers t ON t.project_id = e.project_id AND t.awaits = 'event:' || e.type
  ON CONFLICT DO NOTHING
), told AS (
  UPDATE project_events x SET told_at = clock_timestamp() FROM untold e
  WHERE x.project_id = e.project_id AND x.id = e.id
  RETURNING 1
)
SELECT count(*)::int AS told FROM told
