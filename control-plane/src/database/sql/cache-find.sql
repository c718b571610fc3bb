-- What an equal task run gave, younger than $3 ms, with all its files still there. $1 project, $2 key.
SELECT c.outputs, c.run_id, c.run_name FROM cached_results c
WHERE c.project_id = $1 AND c.key = $2 AND c.expires_at > clock_timestamp()
  AND c.stored_at > clock_timestamp() - $3::float8 * interval '1 millisecond'
  AND NOT EXISTS (
    SELECT 1 FROM unnest(c.files) AS w(sha256)
    WHERE NOT EXISTS (SELECT 1 FROM files f WHERE f.project_id = c.project_id AND f.sha256 = w.sha256))
