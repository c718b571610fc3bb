-- Of each concurrency group that has room, the oldest run that waits and is not paused. $1 limit. Crosses projects by
-- nature; reads only what waits. The admission looks again under the group's lock.
SELECT DISTINCT ON (w.project_id, w.group_key) w.project_id, w.run_id
FROM run_groups w JOIN runs r ON r.project_id = w.project_id AND r.id = w.run_id AND r.state = 'queued'
WHERE w.state = 'waiting' AND w.capacity > (
  SELECT count(*) FROM run_groups a
  WHERE a.group_key = w.group_key AND a.project_id = w.project_id AND a.state = 'active')
ORDER BY w.project_id, w.group_key, w.run_id LIMIT $1
