-- A tick becomes no run: the row that stands for its start goes, and the reason is kept. $1 project, $2 run, $3 reason, $4 detail.
WITH gone AS (
  DELETE FROM timers WHERE project_id = $1 AND run_id = $2 AND position = -1 AND kind = 'schedule_start'
  RETURNING body
),
kept AS (
  INSERT INTO schedule_misses (project_id, workflow_id, trigger_id, tick_at, reason, detail)
  SELECT $1, (body ->> 'workflowId')::uuid, body ->> 'trigger', to_timestamp((body ->> 'tickMs')::float8 / 1000), $3, $4
  FROM gone
  ON CONFLICT DO NOTHING
)
SELECT count(*)::int AS gone FROM gone
