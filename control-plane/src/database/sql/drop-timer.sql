-- A timer of a run that does not exist and never will: the start of a child that was taken back. One that is still to be
-- made is asked for by a row of its parent, and what was told to it meanwhile stays for it.
DELETE FROM timers t WHERE t.project_id = $1 AND t.run_id = $2 AND t.position = $3 AND t.kind = $4
  AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.project_id = $1 AND r.id = $2)
  AND NOT EXISTS (SELECT 1 FROM timers c WHERE c.project_id = $1 AND c.kind = 'child_start' AND c.body ->> 'runId' = $2::text)
