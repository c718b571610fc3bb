-- Runs whose deadline has passed. $1 limit. Crosses projects by nature; reads only runs that have not ended, and none
-- that is paused: its clock stands still.
SELECT r.project_id, r.id FROM projects p
CROSS JOIN LATERAL (
  SELECT project_id, id FROM runs
  WHERE project_id = p.id AND state IN ('queued', 'running') AND deadline_at <= clock_timestamp() LIMIT $1
) r LIMIT $1
