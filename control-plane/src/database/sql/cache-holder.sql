-- Which task run holds a key. $1 project, $2 key.
SELECT r.workflow_name AS workflow, r.number::float8 AS number, t.key AS task FROM cache_flights x
JOIN runs r ON r.project_id = x.project_id AND r.id = x.run_id
JOIN task_runs t ON t.project_id = x.project_id AND t.run_id = x.run_id AND t.position = x.position
WHERE x.project_id = $1 AND x.key = $2
