-- Group commit: everything that a batch of decisions writes, in one statement.
--
-- `:name::rows` is the rows of a part, with the columns of `commit/batch-columns.ts` (p project, r run, o position
-- everywhere); `:name::json` is a JSON array of objects, for what is rare or nested.
-- Parts between `--{name}` and `--{/}` are left out where a batch has nothing for them (`commit-statement.ts`): the plan
-- of a statement is set up anew for each execution, and most batches need a third of it.
--
--  B1. A run's rows are written only if its version is the one that was decided on (advances), or if its idempotency
--      key was free (starts). Every other part asks `ok`; what was refused is not in the answer.
--  B2. Runs are written in id order, the order of their rows, so two replicas cannot deadlock. A write that waited for
--      another's sees its version and is refused.
--  B3. Parts of one WITH do not see each other's writes: each row is inserted or updated here, never both.
--  B4. A direct offer is refused where its session is no longer current, or where the lane has waiting work.
--  B5. Written for plans made once, when the tables were empty: its connection allows nested loops over indexes only, and
--      `(… IN (SELECT …)) IS TRUE` is a hashed look-up that the planner does not turn into a join. Rows that one part
--      alone reads are not MATERIALIZED: that would be one more copy of each.
--  B6. A live attempt is a row of live_attempts; its end moves it to attempts, which is written once.
--  B7. What an attempt takes of limits is taken under their locks (limit-lock.sql) and freed by the batch that ends it.
--  B8. A start with a claim deletes the row that asked for it; where another has deleted it, or where it asks for another
--      run by now (the next child of the same task), the run is not made.
--  B9. A number that was reserved is the run's; the others of the batch are counted on from the workflow's row.
--  B10. A key of the cache is freed by the batch that ends its holder; who waits for it is told by a row in the same one.
--  B11. A dedupe key is taken by the first start of the batch that asks for it, where no run of it goes on as far as this
--      statement sees: a run that ended later, or was made by a statement that it waited for, refuses the start, which is
--      decided again (find-dedupes.sql). A start whose idempotency key was used takes no dedupe key.
WITH
--{starts}
start AS (
  SELECT * FROM unnest(:starts::rows)
),
--{/}
--{advances}
advance AS (
  SELECT * FROM unnest(:advances::rows)
),
--{/}
refused AS MATERIALIZED (
  SELECT NULL::uuid AS r WHERE false
--{sessionFences}
  UNION ALL
  SELECT x.r::uuid FROM json_to_recordset(:sessionFences::json) AS f(p uuid, a uuid, se bigint, rs json),
    json_array_elements_text(f.rs) AS x(r)
  WHERE NOT EXISTS (
    SELECT 1 FROM agent_sessions s WHERE s.project_id = f.p AND s.agent_id = f.a AND s.session = f.se)
--{/}
--{laneFences}
  UNION ALL
  SELECT x.r::uuid FROM json_to_recordset(:laneFences::json) AS l(p uuid, l uuid, rs json), json_array_elements_text(l.rs) AS x(r)
  WHERE EXISTS (SELECT 1 FROM task_queue q WHERE q.lane_id = l.l AND q.project_id = l.p)
--{/}
),
--{advances}
run_moved AS (
  UPDATE runs x SET version = a.v + 1, state = a.s, event_seq = a.es, started_at = a.st, ended_at = a.en,
    cancel = a.cn, outputs = a.ou, failure = a.f
--{/}
--{advances&runsMore}
    , pause = coalesce(a.pa, x.pause), late = coalesce(a.la, x.late), deadline_at = coalesce(a.dl, x.deadline_at)
--{/}
--{advances}
  FROM advance a
  WHERE x.project_id = a.p AND x.id = a.r AND x.version = a.v AND (a.r IN (SELECT r FROM refused)) IS NOT TRUE
  RETURNING a.p, a.r, a.fs, a.h, a.it
),
run_moved_told AS (
  INSERT INTO run_events (project_id, run_id, first_seq, at, items)
  SELECT p, r, fs, h, it FROM run_moved WHERE it IS NOT NULL
),
--{/}
--{starts&claims}
claimed AS (
  DELETE FROM timers x USING start n
  WHERE n.cw IS NOT NULL AND n.r NOT IN (SELECT r FROM refused)
    AND x.project_id = n.p AND x.run_id = n.cw AND x.position = n.co AND x.kind = n.ck
    AND coalesce(x.body ->> 'runId', n.r::text) = n.r::text
  RETURNING n.r AS r
),
--{/}
--{starts&dedupes}
deduping AS (
  SELECT t.* FROM json_to_recordset(:dedupes::json) AS t(p uuid, w uuid, k text, r uuid, c text, i text, n int)
),
deduped AS (
  INSERT INTO run_dedupe_keys AS x (project_id, workflow_id, key, run_id)
  SELECT DISTINCT ON (t.p, t.w, t.k) t.p, t.w, t.k, t.r FROM deduping t
  WHERE t.r NOT IN (SELECT r FROM refused) AND NOT EXISTS (
    SELECT 1 FROM idempotency_keys u WHERE u.project_id = t.p AND u.caller = t.c AND u.key = t.i)
  ORDER BY t.p, t.w, t.k, t.n
  ON CONFLICT (project_id, workflow_id, key) DO UPDATE SET run_id = excluded.run_id
    WHERE EXISTS (
      SELECT 1 FROM runs o WHERE o.project_id = x.project_id AND o.id = x.run_id AND o.ended_at IS NOT NULL)
  RETURNING x.run_id AS r
),
--{/}
--{starts}
startable AS (
  SELECT * FROM start WHERE r NOT IN (SELECT r FROM refused)
--{/}
--{starts&claims}
    AND (cw IS NULL OR r IN (SELECT r FROM claimed))
--{/}
--{starts&dedupes}
    AND (r NOT IN (SELECT r FROM deduping) OR r IN (SELECT r FROM deduped))
--{/}
--{starts}
),
--{/}
--{starts&keys}
keyed AS (
  INSERT INTO idempotency_keys (project_id, caller, key, request_sha256, run_id, created_at)
  SELECT p, ca, ke, rq, r, clock_timestamp() FROM startable WHERE ke IS NOT NULL ORDER BY p, ca, ke
  ON CONFLICT DO NOTHING
  RETURNING project_id AS p, run_id AS r
),
--{/}
--{starts}
started AS MATERIALIZED (
  SELECT n.* FROM startable n WHERE n.ke IS NULL
--{/}
--{starts&keys}
  UNION ALL
  SELECT n.* FROM startable n WHERE (n.r IN (SELECT r FROM keyed)) IS TRUE
--{/}
--{starts}
),
numbered AS (
  UPDATE workflows w SET last_run_number = w.last_run_number + c.n
  FROM (SELECT p, w, count(*)
--{/}
--{starts&numbers}
    FILTER (WHERE nu IS NULL)
--{/}
--{starts}
    AS n FROM started GROUP BY p, w) c
  WHERE w.project_id = c.p AND w.id = c.w
  RETURNING w.project_id AS p, w.id AS w, w.last_run_number - c.n AS base
),
run_made AS (
  INSERT INTO runs (project_id, id, workflow_id, workflow_name, number, digest, state, version, event_seq, priority,
    inputs, labels, trigger, created_at, started_at, ended_at, deadline_at, outputs, failure
--{/}
--{starts&runsAgain}
    , origin, pause
--{/}
--{starts}
    )
  SELECT n.p, n.r, n.w, n.wn,
--{/}
--{starts&numbers}
    CASE WHEN n.nu IS NOT NULL THEN n.nu ELSE
--{/}
--{starts}
    b.base + row_number() OVER (PARTITION BY n.p, n.w
--{/}
--{starts&numbers}
      , n.nu IS NULL
--{/}
--{starts}
      ORDER BY n.ord)
--{/}
--{starts&numbers}
    END
--{/}
--{starts}
    , n.d, n.s, 1, n.es, n.pr,
    n.inp, n.lab, n.tr, n.cr, n.st, n.en, n.dl, n.ou, n.f
--{/}
--{starts&runsAgain}
    , n.og, n.pa
--{/}
--{starts}
  FROM started n JOIN numbered b ON b.p = n.p AND b.w = n.w
  RETURNING project_id AS p, id AS r, number
),
run_made_told AS (
  INSERT INTO run_events (project_id, run_id, first_seq, at, items)
  SELECT p, r, 1, cr, it FROM started
),
--{/}
ok AS MATERIALIZED (
  SELECT NULL::uuid AS r, NULL::bigint AS number WHERE false
--{advances}
  UNION ALL SELECT r, NULL::bigint FROM run_moved
--{/}
--{starts}
  UNION ALL SELECT r, number FROM run_made
--{/}
),
--{tasks}
task AS (
  SELECT t.* FROM unnest(:tasks::rows) t
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE
),
--{/}
--{tasksMade}
task_made AS (
  INSERT INTO task_runs (project_id, run_id, position, id, key, state, epoch, attempts, counters, attempt_id, agent_id,
    created_at, queued_at, started_at, ended_at, due_at, outputs, failure, reason
--{/}
--{tasksMade&items}
    , items
--{/}
--{tasksMade}
    )
  SELECT p, r, o, i, k, s, e, a, c, at, ag, cr, q, st, en, du, ou, f, re
--{/}
--{tasksMade&items}
    , it
--{/}
--{tasksMade}
  FROM task WHERE n
),
--{/}
--{tasksMoved}
task_moved AS (
  UPDATE task_runs x SET state = t.s, epoch = t.e, attempts = t.a, counters = t.c, attempt_id = t.at, agent_id = t.ag,
    queued_at = t.q, started_at = t.st, ended_at = t.en, due_at = t.du, outputs = t.ou, failure = t.f, reason = t.re
--{/}
--{tasksMoved&items}
    , items = coalesce(t.it, x.items)
--{/}
--{tasksMoved}
  FROM task t WHERE t.n IS NULL AND x.project_id = t.p AND x.run_id = t.r AND x.position = t.o
),
--{/}
--{attempts}
attempt AS (
  SELECT t.* FROM unnest(:attempts::rows) t
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE
),
--{/}
--{attemptsMade}
live_made AS (
  INSERT INTO live_attempts (project_id, agent_id, attempt_id, run_id, position, number, epoch, session, seq, lease_ms,
    state, offered_at)
  SELECT p, ag, i, r, o, nu, e, se, sq, l, s, of FROM attempt WHERE n AND en IS NULL
),
--{/}
--{attemptsMoved}
live_moved AS (
  UPDATE live_attempts x SET state = t.s, started_at = t.st, backstop_at = t.b
  FROM attempt t
  WHERE t.n IS NULL AND t.en IS NULL AND x.project_id = t.p AND x.agent_id = t.ag AND x.attempt_id = t.i
),
--{/}
--{attemptsEnded}
live_ended AS (
  DELETE FROM live_attempts x USING attempt t
  WHERE t.en IS NOT NULL AND t.n IS NULL AND x.project_id = t.p AND x.agent_id = t.ag AND x.attempt_id = t.i
),
attempt_made AS (
  INSERT INTO attempts (project_id, id, run_id, position, number, epoch, agent_id, session, state, offered_at,
    started_at, ended_at, failure, result)
  SELECT p, i, r, o, nu, e, ag, se, s, of, st, en, f, re
  FROM attempt WHERE en IS NOT NULL
),
--{/}
--{queue}
waiting AS (
  SELECT t.* FROM unnest(:queue::rows) t
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE
),
queue_made AS (
  INSERT INTO task_queue (project_id, run_id, position, lane_id, priority, pass, lease_ms, queued_at, avoid_agents)
  SELECT p, r, o, l, pr, pa, le, q,
    CASE WHEN av IS NULL THEN NULL ELSE ARRAY(SELECT json_array_elements_text(av)::uuid) END
  FROM waiting WHERE d IS NULL
  ON CONFLICT (project_id, run_id, position) DO UPDATE SET lane_id = excluded.lane_id, priority = excluded.priority,
    pass = excluded.pass, queued_at = excluded.queued_at, avoid_agents = excluded.avoid_agents, taken_until = NULL, raised = 0
),
queue_left AS (
  DELETE FROM task_queue x USING waiting t WHERE t.d AND x.project_id = t.p AND x.run_id = t.r AND x.position = t.o
),
--{/}
--{timers}
timer AS (
  SELECT t.* FROM unnest(:timers::rows) t
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE
),
timer_set AS (
  INSERT INTO timers (project_id, run_id, position, kind, due_at, body, awaits)
  SELECT p, coalesce(tr, r), o, k, du, b, aw FROM timer WHERE du IS NOT NULL
  ON CONFLICT (project_id, run_id, position, kind) DO UPDATE
    SET due_at = excluded.due_at, body = excluded.body, awaits = excluded.awaits
),
timer_cleared AS (
  DELETE FROM timers x USING timer t
  WHERE t.du IS NULL AND x.project_id = t.p AND x.run_id = t.r AND x.position = t.o AND x.kind = t.k
),
--{/}
--{holds}
hold_made AS (
  INSERT INTO limit_holds (project_id, attempt_id, limit_key, run_id, position, weight, taken_at, until_at)
  SELECT p, i, k, r, o, w, to_timestamp(of / 1000), to_timestamp(un / 1000)
  FROM json_to_recordset(:holds::json) AS t(p uuid, r uuid, o int, i uuid, k text, w int, of float8, un float8)
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE
),
--{/}
--{frees}
hold_freed AS (
  DELETE FROM limit_holds x USING json_to_recordset(:frees::json) AS t(p uuid, r uuid, i uuid)
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE AND x.project_id = t.p AND x.attempt_id = t.i AND x.until_at IS NULL
),
--{/}
--{groups}
grouped AS MATERIALIZED (
  SELECT t.* FROM json_to_recordset(:groups::json) AS t(p uuid, r uuid, k text, c int, s text, su text)
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE
),
group_joined AS (
  INSERT INTO run_groups (project_id, run_id, group_key, state, capacity) SELECT p, r, k, s, c FROM grouped
  ON CONFLICT (project_id, run_id) DO UPDATE SET state = excluded.state
),
group_superseded AS (
  UPDATE run_groups x SET state = 'superseded' FROM grouped t
  WHERE t.su IS NOT NULL AND x.project_id = t.p AND x.group_key = t.k AND x.run_id <> t.r AND x.state = 'waiting'
),
group_told AS (
  INSERT INTO timers (project_id, run_id, position, kind, due_at)
  SELECT x.project_id, x.run_id, -1, 'superseded', clock_timestamp()
  FROM grouped t JOIN run_groups x ON x.project_id = t.p AND x.group_key = t.k AND x.run_id <> t.r
  WHERE t.su = 'all' AND x.state <> 'superseded' OR t.su = 'waiting' AND x.state = 'waiting'
  ON CONFLICT DO NOTHING
),
--{/}
--{groupsLeft}
group_left AS (
  DELETE FROM run_groups x USING json_to_recordset(:groupsLeft::json) AS t(p uuid, r uuid)
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE AND x.project_id = t.p AND x.run_id = t.r
),
--{/}
--{cacheEnds}
cache_end AS (
  SELECT t.* FROM json_to_recordset(:cacheEnds::json) AS t(p uuid, r uuid, o int, k text, ou jsonb, fi json, tt float8, rn text)
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE
),
cache_kept AS (
  INSERT INTO cached_results (project_id, key, run_id, run_name, outputs, files, stored_at, expires_at)
  SELECT DISTINCT ON (p, k) p, k, r, rn, ou, ARRAY(SELECT json_array_elements_text(fi)), clock_timestamp(),
    clock_timestamp() + tt * interval '1 millisecond'
  FROM cache_end WHERE ou IS NOT NULL
  ON CONFLICT (project_id, key) DO UPDATE SET run_id = excluded.run_id, run_name = excluded.run_name,
    outputs = excluded.outputs, files = excluded.files, stored_at = excluded.stored_at, expires_at = excluded.expires_at
),
cache_left AS (
  DELETE FROM cache_flights x USING cache_end t
  WHERE x.project_id = t.p AND x.key = t.k AND x.run_id = t.r AND x.position = t.o
  RETURNING x.project_id AS p, x.key AS k
),
cache_told AS (
  INSERT INTO timers (project_id, run_id, position, kind, due_at)
  SELECT w.project_id, w.run_id, w.position, 'cache_free', clock_timestamp()
  FROM cache_left f JOIN timers w ON w.project_id = f.p AND w.awaits = 'cache:' || f.k
  ON CONFLICT DO NOTHING
),
--{/}
--{lanes}
lane_made AS (
  INSERT INTO lanes (project_id, id, pool_id, selector_hash, selector)
  SELECT p, l, po, h, se FROM json_to_recordset(:lanes::json) AS t(p uuid, l uuid, po uuid, h text, se jsonb) ORDER BY l
  ON CONFLICT DO NOTHING
),
--{/}
nothing AS (SELECT true)
SELECT r, number FROM ok
