-- Live attempts that their own runner should have stopped by now. $1 limit. Crosses projects by nature.
SELECT project_id, run_id, position, attempt_id, epoch FROM live_attempts
WHERE backstop_at <= clock_timestamp() LIMIT $1
