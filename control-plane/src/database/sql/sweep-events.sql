-- Deletes events that were told to those who waited for them, are 30 days old, and that no run may ask for any more: a wait
-- sees what came since its run was made, so a run that goes on keeps the events since its beginning. $1 limit. Crosses
-- projects by nature.
WITH oldest AS (
  SELECT project_id, min(created_at) AS at FROM runs WHERE ended_at IS NULL GROUP BY project_id
), old AS (
  SELECT e.project_id, e.id FROM project_events e LEFT JOIN oldest o ON o.project_id = e.project_id
  WHERE e.received_at < clock_timestamp() - interval '30 days' AND e.told_at IS NOT NULL
    AND (o.at IS NULL OR e.received_at < o.at)
  LIMIT $1 FOR UPDATE OF e SKIP LOCKED
)
DELETE FROM project_events e USING old WHERE e.project_id = old.project_id AND e.id = old.id
