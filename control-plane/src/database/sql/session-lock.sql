-- Locks an agent and its session row, the first locks of a hello. $1 project, $2 agent.
SELECT s.session, s.connect_no, s.boot_id, a.state, a.fingerprint, a.labels_pinned
FROM agent_sessions s JOIN agents a ON a.project_id = s.project_id AND a.id = s.agent_id
WHERE s.project_id = $1 AND s.agent_id = $2
FOR NO KEY UPDATE OF s, a
