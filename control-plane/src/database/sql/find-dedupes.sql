-- Which runs go on for dedupe keys. $1 JSON array of n (place), p project, w workflow, k key, and c caller, i key, h hash of the
-- request's idempotency key. That key stands for the run that is found, so a repeat of the request has the same answer. A key
-- whose run was not made (its start was refused by something else in the same statement) is taken away: key and run are
-- written together, so what sees the one sees the other.
WITH asked AS MATERIALIZED (
  SELECT t.* FROM json_to_recordset($1::json) AS t(n int, p uuid, w uuid, k text, c text, i text, h text)
), found AS MATERIALIZED (
  SELECT a.*, x.run_id AS r, o.id IS NULL AS absent, o.ended_at IS NOT NULL AS ended
  FROM asked a JOIN run_dedupe_keys x ON x.project_id = a.p AND x.workflow_id = a.w AND x.key = a.k
  LEFT JOIN runs o ON o.project_id = x.project_id AND o.id = x.run_id
), freed AS (
  DELETE FROM run_dedupe_keys x USING found f
  WHERE f.absent AND x.project_id = f.p AND x.workflow_id = f.w AND x.key = f.k AND x.run_id = f.r
), kept AS (
  INSERT INTO idempotency_keys (project_id, caller, key, request_sha256, run_id, created_at)
  SELECT p, c, i, h, r, clock_timestamp() FROM found WHERE NOT absent AND NOT ended AND i IS NOT NULL ORDER BY p, c, i
  ON CONFLICT DO NOTHING
)
SELECT n, r FROM found WHERE NOT absent AND NOT ended
