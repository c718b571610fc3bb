-- Moves counted time on: by what the database's clock gained, at most two seconds, never back.
UPDATE lease_clock SET
  counted_ms = counted_ms + greatest(0, least(2000, floor(extract(epoch FROM clock_timestamp() - db_time) * 1000)))::bigint,
  db_time = clock_timestamp()
WHERE id = 1
RETURNING counted_ms, incarnation, extract(epoch FROM db_time) * 1000 AS database_ms
