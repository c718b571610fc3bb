-- Deployed editions by digest. $1 project ids, $2 workflow ids, $3 digests, in parallel.
SELECT v.project_id, v.workflow_id, v.digest, v.canonical, v.bundle_sha256, p.name AS project
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS w(p, f, d)
JOIN workflow_versions v ON v.project_id = w.p AND v.workflow_id = w.f AND v.digest = w.d
JOIN projects p ON p.id = v.project_id
