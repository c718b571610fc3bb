-- Values of those variables that a project has. $1 project, $2 names.
SELECT name, value FROM variables WHERE project_id = $1 AND name = ANY ($2)
