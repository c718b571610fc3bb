-- Snapshots of many runs, as one JSON document each: the run, its task runs, and their live attempts.
-- $1 project ids, $2 run ids, in parallel.
SELECT x.project_id, x.id, row_to_json(x) AS run,
  (SELECT json_agg(t ORDER BY t.position) FROM task_runs t WHERE t.project_id = x.project_id AND t.run_id = x.id) AS tasks,
  (SELECT json_agg(json_build_object('id', l.attempt_id, 'position', l.position, 'epoch', l.epoch, 'agent', l.agent_id,
      'session', l.session, 'seq', l.seq, 'number', a.number, 'state', a.state, 'offered', extract(epoch FROM a.offered_at) * 1000,
      'started', extract(epoch FROM a.started_at) * 1000))
    FROM attempts a JOIN live_attempts l ON l.project_id = a.project_id AND l.agent_id = a.agent_id AND l.attempt_id = a.id
    WHERE a.project_id = x.project_id AND a.run_id = x.id) AS live,
  p.name AS project
FROM unnest($1::uuid[], $2::uuid[]) AS w(p, r)
JOIN runs x ON x.project_id = w.p AND x.id = w.r
JOIN projects p ON p.id = x.project_id
