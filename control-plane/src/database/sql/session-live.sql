-- The attempts that an agent may be executing. $1 project, $2 agent.
SELECT l.attempt_id, l.run_id, l.position, l.epoch, l.session, l.seq,
       l.state <> 'offered' AS started, coalesce(t.state = 'cancelling', false) AS cancelling
FROM live_attempts l
LEFT JOIN task_runs t ON t.project_id = l.project_id AND t.run_id = l.run_id AND t.position = l.position
WHERE l.project_id = $1 AND l.agent_id = $2
ORDER BY l.attempt_id
