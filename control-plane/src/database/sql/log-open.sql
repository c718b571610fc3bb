-- Opens log streams for attempts that belong to the agent that sends them, with that epoch; others do not come back.
-- $1 projects, $2 attempts, $3 agents, $4 epochs.
WITH known AS (
  SELECT a.project_id, a.id, a.run_id, a.position, a.epoch
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[]) AS q(p, id, agent, epoch)
  JOIN attempt_records a ON a.project_id = q.p AND a.id = q.id AND a.agent_id = q.agent AND a.epoch = q.epoch
),
made AS (
  INSERT INTO log_streams (project_id, attempt_id, run_id, position, epoch)
  SELECT project_id, id, run_id, position, epoch FROM known
  ON CONFLICT (project_id, attempt_id) DO NOTHING
)
SELECT k.id AS attempt_id, coalesce(l.committed_bytes, 0) AS committed_bytes, coalesce(l.state, 'open') AS state,
       l.final_bytes, l.final_sha256
FROM known k LEFT JOIN log_streams l ON l.project_id = k.project_id AND l.attempt_id = k.id
