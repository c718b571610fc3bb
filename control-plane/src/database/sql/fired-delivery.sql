-- A delivery that asks for a run, with the outputs of the run that ended where it is about one. $1 project, $2 delivery.
SELECT d.id, d.project_id, p.name AS project, d.workflow_id, w.name AS workflow, d.trigger_id, d.kind, d.digest,
  (extract(epoch FROM d.received_at) * 1000)::float8 AS received_ms, d.context, d.body,
  (SELECT r.outputs FROM runs r WHERE r.project_id = d.project_id AND d.kind = 'workflow'
    AND r.id = (d.context ->> 'run')::uuid) AS outputs
FROM trigger_deliveries d
JOIN workflows w ON w.project_id = d.project_id AND w.id = d.workflow_id
JOIN projects p ON p.id = d.project_id
WHERE d.project_id = $1 AND d.id = $2
