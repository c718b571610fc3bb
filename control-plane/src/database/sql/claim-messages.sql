-- Messages to endpoints that are due, for a minute. $1 limit, $2 at most so many of one endpoint, $3 endpoints that have enough
-- under way. Crosses projects by nature; every join carries project_id.
-- One about a subject waits for those before it about the same, until they are there or have failed three times: one whose
-- third try is under way has not.
WITH ready AS (
  SELECT n.project_id, n.id, n.url, n.format, row_number() OVER (PARTITION BY n.endpoint_id ORDER BY n.next_at, n.seq) AS place FROM (
    SELECT d.project_id, d.id, d.endpoint_id, d.next_at, d.seq, e.url, e.format FROM endpoint_deliveries d
    JOIN endpoints e ON e.project_id = d.project_id AND e.id = d.endpoint_id AND e.disabled IS NULL
    WHERE d.outcome IS NULL AND d.next_at <= clock_timestamp() AND d.endpoint_id <> ALL ($3::uuid[])
      AND NOT EXISTS (SELECT 1 FROM endpoint_deliveries b WHERE b.project_id = d.project_id AND b.endpoint_id = d.endpoint_id
        AND b.subject = d.subject AND b.seq < d.seq AND b.outcome IS NULL
        AND (b.attempts < 3 OR b.attempts = 3 AND jsonb_array_length(b.tries) < 3))
    ORDER BY d.next_at, d.seq LIMIT 1000) n
),
due AS (
  SELECT d.project_id, d.id, r.url, r.format FROM ready r
  JOIN endpoint_deliveries d ON d.project_id = r.project_id AND d.id = r.id
  WHERE r.place <= $2 AND d.outcome IS NULL AND d.next_at <= clock_timestamp()
  ORDER BY r.place, d.next_at LIMIT $1 FOR UPDATE OF d SKIP LOCKED
)
UPDATE endpoint_deliveries x SET attempts = x.attempts + 1, next_at = clock_timestamp() + interval '60 seconds'
FROM due WHERE x.project_id = due.project_id AND x.id = due.id
RETURNING x.project_id, x.id, x.endpoint_id, due.url, due.format, x.subject, x.payload, x.attempts
