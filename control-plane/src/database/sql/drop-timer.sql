-- A timer of a run that does not exist and never will: the start of a child that was taken back.
DELETE FROM timers WHERE project_id = $1 AND run_id = $2 AND position = $3 AND kind = $4
