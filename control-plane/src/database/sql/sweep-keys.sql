-- Deletes idempotency keys, dedupe keys of runs that have ended, connection proofs, reasons of missed ticks and what was delivered, in and out, whose time is over. $1 limit of each. Crosses projects by nature.
WITH keys AS (
  DELETE FROM idempotency_keys k
  USING (
    SELECT project_id, caller, key FROM idempotency_keys
    WHERE created_at < clock_timestamp() - interval '24 hours' ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
  ) old
  WHERE k.project_id = old.project_id AND k.caller = old.caller AND k.key = old.key
  RETURNING 1
), dedupes AS (
  DELETE FROM run_dedupe_keys x
  USING (
    SELECT d.project_id, d.workflow_id, d.key, d.run_id FROM run_dedupe_keys d
    JOIN runs o ON o.project_id = d.project_id AND o.id = d.run_id AND o.ended_at IS NOT NULL
    LIMIT $1 FOR UPDATE OF d SKIP LOCKED
  ) old
  WHERE x.project_id = old.project_id AND x.workflow_id = old.workflow_id AND x.key = old.key AND x.run_id = old.run_id
), proofs AS (
  DELETE FROM agent_nonces_used n
  USING (
    SELECT project_id, agent_id, jti FROM agent_nonces_used
    WHERE expires_at < clock_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED
  ) old
  WHERE n.project_id = old.project_id AND n.agent_id = old.agent_id AND n.jti = old.jti
  RETURNING 1
), misses AS (
  DELETE FROM schedule_misses m
  USING (
    SELECT project_id, workflow_id, trigger_id, tick_at FROM schedule_misses
    WHERE recorded_at < clock_timestamp() - interval '30 days' ORDER BY recorded_at LIMIT $1 FOR UPDATE SKIP LOCKED
  ) old
  WHERE m.project_id = old.project_id AND m.workflow_id = old.workflow_id AND m.trigger_id = old.trigger_id
    AND m.tick_at = old.tick_at
), deliveries AS (
  DELETE FROM trigger_deliveries d
  USING (
    SELECT project_id, id FROM trigger_deliveries
    WHERE received_at < clock_timestamp() - interval '30 days' ORDER BY received_at LIMIT $1 FOR UPDATE SKIP LOCKED
  ) old
  WHERE d.project_id = old.project_id AND d.id = old.id
), sent AS (
  DELETE FROM endpoint_deliveries d
  USING (
    SELECT project_id, id FROM endpoint_deliveries
    WHERE created_at < clock_timestamp() - interval '30 days' AND outcome IS NOT NULL
    ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
  ) old
  WHERE d.project_id = old.project_id AND d.id = old.id
)
SELECT (SELECT count(*) FROM keys)::int AS keys, (SELECT count(*) FROM proofs)::int AS proofs
