-- Run numbers of a workflow for runs that have to know theirs before they are made. $1 project, $2 workflow, $3 how many.
UPDATE workflows SET last_run_number = last_run_number + $3 WHERE project_id = $1 AND id = $2
RETURNING (last_run_number - $3 + 1)::float8 AS first
