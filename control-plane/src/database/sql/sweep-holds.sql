-- Deletes shares of rates whose window is over, and holds whose attempt does not live. The second kind cannot be: it is
-- counted, and anything above zero is a fault of ours. $1 limit of each. Crosses projects by nature.
WITH over AS (
  DELETE FROM limit_holds h
  USING (
    SELECT project_id, attempt_id, limit_key FROM limit_holds
    WHERE until_at < clock_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED
  ) old
  WHERE h.project_id = old.project_id AND h.attempt_id = old.attempt_id AND h.limit_key = old.limit_key
  RETURNING 1
), orphaned AS (
  DELETE FROM limit_holds h
  USING (
    SELECT h.project_id, h.attempt_id, h.limit_key FROM limit_holds h
    WHERE h.until_at IS NULL AND NOT EXISTS (
      SELECT 1 FROM task_runs t JOIN live_attempts l
        ON l.project_id = t.project_id AND l.agent_id = t.agent_id AND l.attempt_id = t.attempt_id
      WHERE t.project_id = h.project_id AND t.run_id = h.run_id AND t.position = h.position AND t.attempt_id = h.attempt_id)
    LIMIT $1 FOR UPDATE OF h SKIP LOCKED
  ) old
  WHERE h.project_id = old.project_id AND h.attempt_id = old.attempt_id AND h.limit_key = old.limit_key
  RETURNING 1
)
SELECT (SELECT count(*) FROM over)::int AS over, (SELECT count(*) FROM orphaned)::int AS orphaned
