-- What was decided about schedules that are held: their next ticks, the starts that were asked for (due a little later, so
-- that the replica which asked has them first) and the ticks that became no run. $1 $2 $3: JSON arrays.
WITH
decided AS (
  UPDATE schedules s SET next_tick_at = to_timestamp(d.nt / 1000), due_at = to_timestamp(d.nd / 1000),
    last_tick_at = coalesce(to_timestamp(d.lt / 1000), s.last_tick_at), last_run_id = coalesce(d.lr, s.last_run_id)
  FROM json_to_recordset($1::json) AS d(p uuid, w uuid, t text, nt float8, nd float8, lt float8, lr uuid)
  WHERE s.project_id = d.p AND s.workflow_id = d.w AND s.trigger_id = d.t
),
asked AS (
  INSERT INTO timers (project_id, run_id, position, kind, due_at, body, awaits)
  SELECT p, r, -1, 'schedule_start', clock_timestamp() + interval '3 seconds', b, aw
  FROM json_to_recordset($2::json) AS t(p uuid, r uuid, b jsonb, aw text)
),
missed AS (
  INSERT INTO schedule_misses (project_id, workflow_id, trigger_id, tick_at, reason, detail)
  SELECT p, w, t, to_timestamp(at / 1000), re, de
  FROM json_to_recordset($3::json) AS m(p uuid, w uuid, t text, at float8, re text, de text)
  ON CONFLICT DO NOTHING
)
SELECT true
