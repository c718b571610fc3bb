-- Renews sessions by their heartbeats, only where the session is current. Rows in agent order, so replicas cannot deadlock.
-- $1 project ids, $2 agent ids, $3 sessions, $4 heartbeats, in parallel.
WITH lease_now AS (
  SELECT counted_ms + greatest(0, least(2000, floor(extract(epoch FROM clock_timestamp() - db_time) * 1000)))::bigint AS ms
  FROM lease_clock WHERE id = 1
),
locked AS (
  SELECT s.project_id, s.agent_id, w.h FROM agent_sessions s
  JOIN unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) AS w(p, a, se, h)
    ON s.project_id = w.p AND s.agent_id = w.a AND s.session = w.se
  ORDER BY s.agent_id FOR UPDATE OF s
)
UPDATE agent_sessions s SET renewed_ms = lease_now.ms, heartbeat = greatest(s.heartbeat, locked.h)
FROM locked, lease_now
WHERE s.project_id = locked.project_id AND s.agent_id = locked.agent_id
RETURNING s.agent_id
