-- Pools of a project by name. $1 project.
SELECT id, name FROM pools WHERE project_id = $1
