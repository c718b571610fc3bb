-- Events that were not told yet, to the task runs that wait for their type: a timer row each, due now; and to the triggers
-- that listen: a delivery each, with the timer row that stands for the start of its run. $1 limit of events.
-- Crosses projects by nature; every join carries project_id. An event is committed before it comes here, so whoever begins
-- to wait and is not seen by this statement sees the event (event/tell-loop.ts, T1).
WITH untold AS (
  SELECT project_id, id, type, body, actor, chain FROM project_events WHERE told_at IS NULL ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED
), put AS (
  INSERT INTO timers (project_id, run_id, position, kind, due_at, body)
  SELECT t.project_id, t.run_id, t.position, 'event:' || e.id, clock_timestamp(), jsonb_build_object('event', e.body)
  FROM untold e JOIN timers t ON t.project_id = e.project_id AND t.awaits = 'event:' || e.type
  ON CONFLICT DO NOTHING
), fired AS (
  INSERT INTO trigger_deliveries (project_id, id, workflow_id, trigger_id, kind, digest, dedupe, run_id, context)
  SELECT t.project_id, capstan_uuid_v7(), t.workflow_id, t.trigger_id, t.kind, t.digest, 'event ' || e.id, capstan_uuid_v7(),
    jsonb_build_object('event', e.body, 'actor', e.actor, 'chain', coalesce(e.chain, 0) + 1)
  FROM untold e JOIN workflow_triggers t ON t.project_id = e.project_id AND t.kind = 'event' AND t.enabled AND t.disabled IS NULL
    AND (t.listens_to = e.type OR right(t.listens_to, 2) = '.*' AND starts_with(e.type, left(t.listens_to, -1)))
  ON CONFLICT DO NOTHING
  RETURNING project_id, id, run_id
), asked AS (
  INSERT INTO timers (project_id, run_id, position, kind, due_at, body)
  SELECT project_id, run_id, -1, 'trigger_start', clock_timestamp(), jsonb_build_object('delivery', id) FROM fired
), told AS (
  UPDATE project_events x SET told_at = clock_timestamp() FROM untold e
  WHERE x.project_id = e.project_id AND x.id = e.id
  RETURNING 1
)
SELECT count(*)::int AS told FROM told
