-- Ends of runs, to the triggers that listen to their workflows: a delivery each, with the timer row that stands for the start
-- of its run. $1 JSON array of (p project, r run, s its state). Crosses projects by nature; every join carries project_id.
WITH ended AS (
  SELECT e.p, e.r, e.s, r.workflow_name, r.workflow_name || '-' || r.number AS name,
    coalesce((r.trigger ->> 'chain')::int, 0) + 1 AS chain
  FROM json_to_recordset($1::json) AS e(p uuid, r uuid, s text) JOIN runs r ON r.project_id = e.p AND r.id = e.r
), fired AS (
  INSERT INTO trigger_deliveries (project_id, id, workflow_id, trigger_id, kind, digest, dedupe, run_id, context)
  SELECT e.p, capstan_uuid_v7(), t.workflow_id, t.trigger_id, t.kind, t.digest, 'run ' || e.r, capstan_uuid_v7(),
    jsonb_build_object('run', e.r, 'name', e.name, 'workflow', e.workflow_name, 'outcome', e.s, 'chain', e.chain)
  FROM ended e JOIN workflow_triggers t ON t.project_id = e.p AND t.kind = 'workflow' AND t.enabled AND t.disabled IS NULL
    AND t.listens_to = e.workflow_name AND coalesce(t.spec::jsonb #> '{workflow,outcome}', '["succeeded"]'::jsonb) ? e.s
  ON CONFLICT DO NOTHING
  RETURNING project_id, id, run_id
), asked AS (
  INSERT INTO timers (project_id, run_id, position, kind, due_at, body)
  SELECT project_id, run_id, -1, 'trigger_start', clock_timestamp(), jsonb_build_object('delivery', id) FROM fired
)
SELECT count(*)::int AS fired FROM fired
