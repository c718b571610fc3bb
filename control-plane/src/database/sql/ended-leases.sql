-- Live attempts whose lease and margin (15 s + 0.2 %) are over by counted time. $1 limit.
-- This scan crosses projects by nature; every row carries its project_id.
WITH lease_now AS (
  SELECT counted_ms + greatest(0, least(2000, floor(extract(epoch FROM clock_timestamp() - db_time) * 1000)))::bigint AS ms
  FROM lease_clock WHERE id = 1
)
SELECT l.project_id, l.run_id, l.position, l.attempt_id, l.epoch
FROM live_attempts l
JOIN agent_sessions s ON s.project_id = l.project_id AND s.agent_id = l.agent_id, lease_now
WHERE s.renewed_ms + l.lease_ms + 15000 + (l.lease_ms + 499) / 500 <= lease_now.ms
LIMIT $1
