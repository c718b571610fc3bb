-- Runs whose deadline has passed. $1 limit. Crosses projects by nature; reads only runs that have not ended.
SELECT r.project_id, r.id FROM projects p
CROSS JOIN LATERAL (
  SELECT project_id, id FROM runs
  WHERE project_id = p.id AND state IN ('queued', 'running', 'paused') AND deadline_at <= clock_timestamp() LIMIT $1
) r LIMIT $1
