-- A delivery becomes no run: the row that stands for its start goes, and the reason is kept. $1 project, $2 run, $3 outcome,
-- $4 detail, $5 whether the same may come again.
WITH gone AS (
  DELETE FROM timers WHERE project_id = $1 AND run_id = $2 AND position = -1 AND kind = 'trigger_start'
  RETURNING body
),
kept AS (
  UPDATE trigger_deliveries d SET outcome = $3, detail = $4, run_id = NULL, dedupe = CASE WHEN $5 THEN NULL ELSE d.dedupe END
  FROM gone g WHERE d.project_id = $1 AND d.id = (g.body ->> 'delivery')::uuid
)
SELECT count(*)::int AS gone FROM gone
