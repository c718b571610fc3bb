-- A concurrency group as its rows tell it, with the first of those that go on. $1 project, $2 group key.
-- Read after limit-lock.sql in a statement of its own, like limit-states.sql.
SELECT count(*) FILTER (WHERE state = 'active')::int AS active,
  count(*) FILTER (WHERE state = 'waiting')::int AS waiting,
  coalesce((array_agg(run_id ORDER BY run_id) FILTER (WHERE state = 'active'))[1:5], '{}') AS holders
FROM run_groups WHERE group_key = $2 AND project_id = $1
