-- Locks limits until the end of the transaction, in one order for all, so that replicas cannot deadlock. Whoever takes of
-- a limit holds its lock; freeing needs none. A lock by hash also covers what has no row of its own.
-- $1 project ids, $2 limit keys, in parallel.
SELECT pg_advisory_xact_lock(k)
FROM (SELECT DISTINCT hashtextextended('limit ' || p || ' ' || key, 0) AS k
      FROM unnest($1::uuid[], $2::text[]) AS w(p, key) ORDER BY k) locks
