-- What happened to runs, to the endpoints that want it: a message each, in order. $1 JSON array of (p project, r run, i its
-- wire id, q sequence, o order, at, t type, k task, re reason, de detail), $2 our address. Crosses projects by nature.
INSERT INTO endpoint_deliveries (project_id, id, endpoint_id, dedupe, type, subject, payload)
SELECT v.p, capstan_uuid_v7(), e.id, v.r || ':' || v.q, v.t, 'runs/' || v.i,
  jsonb_build_object('type', v.t, 'timestamp', v.at, 'data', jsonb_strip_nulls(jsonb_build_object(
    'project', p.name,
    'run', jsonb_build_object('id', v.i, 'name', r.workflow_name || '-' || r.number, 'workflow', r.workflow_name, 'number', r.number,
      'url', $2 || CASE WHEN p.name = 'default' THEN '' ELSE '/p/' || p.name END || '/runs/' || r.workflow_name || '-' || r.number),
    'task', v.k, 'reason', v.re, 'detail', left(v.de, 4000))))
FROM json_to_recordset($1::json) AS v(p uuid, r uuid, i text, q int, o int, at text, t text, k text, re text, de text)
JOIN runs r ON r.project_id = v.p AND r.id = v.r
JOIN projects p ON p.id = v.p
JOIN endpoints e ON e.project_id = v.p AND e.disabled IS NULL AND v.t = ANY (e.types)
  AND (e.workflows IS NULL OR r.workflow_name = ANY (e.workflows))
ORDER BY v.o
ON CONFLICT DO NOTHING
