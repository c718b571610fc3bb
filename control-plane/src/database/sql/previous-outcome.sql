-- How the run before this one ended, of those that have ended. $1 project, $2 run. Numbers of a workflow grow.
SELECT r.state FROM runs me
JOIN runs r ON r.workflow_id = me.workflow_id AND r.project_id = me.project_id AND r.number < me.number
WHERE me.project_id = $1 AND me.id = $2 AND r.ended_at IS NOT NULL
ORDER BY r.number DESC LIMIT 1
