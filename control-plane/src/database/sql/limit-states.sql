-- What limits have and what is held of them, counted from the holders. $1 project ids, $2 limit keys, in parallel.
-- Read after limit-lock.sql in a statement of its own: only then does it see what the last holder of the lock wrote.
SELECT w.p AS project_id, w.key, l.capacity, l.per_ms,
  (SELECT coalesce(sum(h.weight), 0) FROM limit_holds h
    WHERE h.limit_key = w.key AND h.project_id = w.p AND (h.until_at IS NULL OR h.until_at > clock_timestamp()))::int AS used
FROM unnest($1::uuid[], $2::text[]) AS w(p, key)
LEFT JOIN limits l ON l.project_id = w.p AND 'limit:' || l.name = w.key
