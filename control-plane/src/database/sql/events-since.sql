-- Events of a type since a time, oldest first. $1 project, $2 type, $3 since (Unix ms), $4 behind this number, $5 limit.
SELECT body, seq FROM project_events
WHERE project_id = $1 AND type = $2 AND seq > $4 AND received_at >= to_timestamp($3::float8 / 1000) ORDER BY seq LIMIT $5
