-- A new session of an agent whose rows are locked: number, connection number, first renewal (the hello is heartbeat 0).
-- $1 project, $2 agent, $3 connect_no, $4 boot id, $5 replica.
UPDATE agent_sessions s SET
  session = CASE WHEN s.session / 1000000000 = c.incarnation THEN s.session + 1 ELSE c.incarnation::bigint * 1000000000 + 1 END,
  connect_no = $3, heartbeat = 0, boot_id = $4, replica = $5, state = 'syncing',
  renewed_ms = c.counted_ms + greatest(0, least(2000, floor(extract(epoch FROM clock_timestamp() - c.db_time) * 1000)))::bigint
FROM lease_clock c
WHERE s.project_id = $1 AND s.agent_id = $2 AND c.id = 1
RETURNING s.session, c.incarnation
