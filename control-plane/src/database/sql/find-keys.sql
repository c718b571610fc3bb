-- What idempotency keys were used for. $1 project ids, $2 callers, $3 keys, in parallel.
SELECT k.project_id, k.caller, k.key, k.request_sha256, k.run_id
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS w(p, c, k)
JOIN idempotency_keys k ON k.project_id = w.p AND k.caller = w.c AND k.key = w.k
