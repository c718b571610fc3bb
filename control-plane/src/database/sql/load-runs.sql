-- Snapshots of many runs, as one JSON document each: the run, its task runs, and their live attempts.
-- $1 project ids, $2 run ids, in parallel.
SELECT x.project_id, x.id, row_to_json(x) AS run,
  (SELECT json_agg(t ORDER BY t.position) FROM task_runs t WHERE t.project_id = x.project_id AND t.run_id = x.id) AS tasks,
  (SELECT json_agg(json_build_object('id', l.attempt_id, 'position', l.position, 'epoch', l.epoch, 'agent', l.agent_id,
      'session', l.session, 'seq', l.seq, 'number', l.number, 'state', l.state, 'offered', extract(epoch FROM l.offered_at) * 1000,
      'started', extract(epoch FROM l.started_at) * 1000))
    FROM task_runs t JOIN live_attempts l
      ON l.project_id = t.project_id AND l.agent_id = t.agent_id AND l.attempt_id = t.attempt_id
    WHERE t.project_id = x.project_id AND t.run_id = x.id) AS live,
  p.name AS project
FROM unnest($1::uuid[], $2::uuid[]) AS w(p, r)
JOIN runs x ON x.project_id = w.p AND x.id = w.r
JOIN projects p ON p.id = x.project_id
