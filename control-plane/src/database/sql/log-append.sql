-- Appends log segments of many attempts. A stream moves only where it stands at the first of its segments, and segments
-- are stored only for streams that moved. $1 all payloads in one, so that they travel as bytes and not as text.
-- Streams: $2 projects, $3 attempts, $4 from, $5 to, $6 lines. Segments: $7 attempts, $8 projects, $9 start, $10 length,
-- $11 lines before it within this batch, $12 lines, $13 base, $14 codec, $15 flags, $16 position and $17 length of the payload in $1.
WITH locked AS (
  SELECT l.project_id, l.attempt_id, l.committed_lines, w.upto, w.lines
  FROM log_streams l
  JOIN unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[]) AS w(p, a, since, upto, lines)
    ON l.project_id = w.p AND l.attempt_id = w.a AND l.committed_bytes = w.since
  WHERE l.state <> 'complete'
  ORDER BY l.attempt_id FOR UPDATE OF l
),
moved AS (
  UPDATE log_streams l SET committed_bytes = k.upto, committed_lines = k.committed_lines + k.lines
  FROM locked k WHERE l.project_id = k.project_id AND l.attempt_id = k.attempt_id
  RETURNING l.project_id, l.attempt_id, l.committed_bytes, k.committed_lines AS lines_before
),
added AS (
  INSERT INTO log_segments (project_id, attempt_id, start_bytes, length_bytes, start_lines, lines, base_ms, codec, flags, payload)
  SELECT m.project_id, m.attempt_id, s.start, s.length, m.lines_before + s.before, s.lines, s.base, s.codec, s.flags,
         substring($1::bytea FROM s.at FOR s.size)
  FROM unnest($7::uuid[], $8::uuid[], $9::bigint[], $10::bigint[], $11::bigint[], $12::int[], $13::bigint[],
              $14::smallint[], $15::smallint[], $16::int[], $17::int[])
    AS s(a, p, start, length, before, lines, base, codec, flags, at, size)
  JOIN moved m ON m.project_id = s.p AND m.attempt_id = s.a
)
SELECT attempt_id, committed_bytes FROM moved
