-- Timers that are due, oldest first. $1 limit. Crosses projects by nature.
SELECT project_id, run_id, position, kind, body FROM timers WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT $1
