-- Of each concurrency group, the oldest runs that wait, as many as it has room for; none of a workflow that is paused, none
-- that is paused itself. $1 limit. Crosses projects by nature; reads only what waits. The admission looks again under the
-- group's lock.
SELECT project_id, run_id FROM (
  SELECT w.project_id, w.run_id, w.capacity, w.group_key,
    row_number() OVER (PARTITION BY w.project_id, w.group_key ORDER BY w.run_id) AS nth
  FROM run_groups w
  JOIN runs r ON r.project_id = w.project_id AND r.id = w.run_id AND r.state = 'queued'
  JOIN workflows f ON f.project_id = r.project_id AND f.id = r.workflow_id AND f.pause IS NULL
  WHERE w.state = 'waiting') q
WHERE q.nth <= q.capacity - (
  SELECT count(*) FROM run_groups a
  WHERE a.group_key = q.group_key AND a.project_id = q.project_id AND a.state = 'active')
ORDER BY project_id, group_key, run_id LIMIT $1
