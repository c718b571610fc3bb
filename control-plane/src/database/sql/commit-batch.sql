-- Group commit: everything that a batch of decisions writes, in one statement.
--
-- Parameters are JSON arrays of objects with short keys: p project, r run, o position everywhere. All times are Unix ms.
-- A key that is absent is NULL, and reading a row costs by its keys, so rows carry only what they have.
-- Parts between `--{name}` and `--{/}` are left out where a batch has nothing for them (`commit-statement.ts`): the plan
-- of a statement is set up anew for each execution, and most batches need a third of it.
--
--  B1. A run's rows are written only if its version is the one that was decided on (advances), or if its idempotency
--      key was free (starts). Every other part asks `ok`; what was refused is not in the answer.
--  B2. Runs are locked in id order, so two replicas cannot deadlock.
--  B3. Parts of one WITH do not see each other's writes: each row is inserted or updated here, never both.
--  B4. A direct offer is refused where its session is no longer current, or where the lane has waiting work.
--  B5. Written for plans made once, when the tables were empty: its connection allows nested loops over indexes only, and
--      `(… IN (SELECT …)) IS TRUE` is a hashed look-up that the planner does not turn into a join.
--  B6. A live attempt is a row of live_attempts; its end moves it to attempts, which is written once.
WITH
--{starts}
start AS MATERIALIZED (
  SELECT * FROM json_to_recordset(:starts::json) AS x(
    p uuid, r uuid, w uuid, wn text, d text, s text, es int, pr smallint, inp jsonb, lab jsonb, tr jsonb,
    cr float8, st float8, en float8, dl float8, ou jsonb, f jsonb, ca text, ke text, rq text, ord int, it json)
),
--{/}
--{advances}
advance AS MATERIALIZED (
  SELECT * FROM json_to_recordset(:advances::json) AS x(
    p uuid, r uuid, v int, s text, es int, st float8, en float8, cn jsonb, ou jsonb, f jsonb, fs int, h float8, it json
--{/}
--{advances&runsMore}
    , pa jsonb, dl float8
--{/}
--{advances}
  )
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
locked AS MATERIALIZED (
  SELECT x.project_id AS p, x.id AS r FROM advance a JOIN runs x ON x.project_id = a.p AND x.id = a.r
  WHERE x.version = a.v AND a.r NOT IN (SELECT r FROM refused)
  ORDER BY x.id FOR UPDATE OF x
),
--{/}
--{starts}
startable AS MATERIALIZED (
  SELECT * FROM start WHERE r NOT IN (SELECT r FROM refused)
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
  FROM (SELECT p, w, count(*) AS n FROM started GROUP BY p, w) c
  WHERE w.project_id = c.p AND w.id = c.w
  RETURNING w.project_id AS p, w.id AS w, w.last_run_number - c.n AS base
),
run_made AS (
  INSERT INTO runs (project_id, id, workflow_id, workflow_name, number, digest, state, version, event_seq, priority,
    inputs, labels, trigger, created_at, started_at, ended_at, deadline_at, outputs, failure)
  SELECT n.p, n.r, n.w, n.wn, b.base + row_number() OVER (PARTITION BY n.p, n.w ORDER BY n.ord), n.d, n.s, 1, n.es, n.pr,
    n.inp, n.lab, n.tr, to_timestamp(n.cr / 1000), to_timestamp(n.st / 1000), to_timestamp(n.en / 1000),
    to_timestamp(n.dl / 1000), n.ou, n.f
  FROM started n JOIN numbered b ON b.p = n.p AND b.w = n.w
  RETURNING project_id AS p, id AS r, number
),
run_made_told AS (
  INSERT INTO run_events (project_id, run_id, first_seq, at, items)
  SELECT p, r, 1, to_timestamp(cr / 1000), it FROM started
),
--{/}
--{advances}
run_moved AS (
  UPDATE runs x SET version = a.v + 1, state = a.s, event_seq = a.es, started_at = to_timestamp(a.st / 1000),
    ended_at = to_timestamp(a.en / 1000), cancel = a.cn, outputs = a.ou, failure = a.f
--{/}
--{advances&runsMore}
    , pause = coalesce(a.pa, x.pause), deadline_at = coalesce(to_timestamp(a.dl / 1000), x.deadline_at)
--{/}
--{advances}
  FROM advance a
  WHERE x.project_id = a.p AND x.id = a.r AND (a.r IN (SELECT r FROM locked)) IS TRUE
),
run_moved_told AS (
  INSERT INTO run_events (project_id, run_id, first_seq, at, items)
  SELECT a.p, a.r, a.fs, to_timestamp(a.h / 1000), a.it FROM advance a
  WHERE a.it IS NOT NULL AND (a.r IN (SELECT r FROM locked)) IS TRUE
),
--{/}
ok AS MATERIALIZED (
  SELECT NULL::uuid AS r, NULL::bigint AS number WHERE false
--{advances}
  UNION ALL SELECT r, NULL::bigint FROM locked
--{/}
--{starts}
  UNION ALL SELECT r, number FROM run_made
--{/}
),
--{tasks}
task AS MATERIALIZED (
  SELECT t.* FROM json_to_recordset(:tasks::json) AS t(
    n bool, p uuid, r uuid, o int, i uuid, k text, s text, e bigint, a int, c jsonb, at uuid, ag uuid,
    cr float8, q float8, st float8, en float8, du float8, ou jsonb, f jsonb, re jsonb
--{/}
--{tasks&items}
    , it json
--{/}
--{tasks}
  ) WHERE (t.r IN (SELECT r FROM ok)) IS TRUE
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
  SELECT p, r, o, i, k, s, e, a, c, at, ag, to_timestamp(cr / 1000), to_timestamp(q / 1000), to_timestamp(st / 1000),
    to_timestamp(en / 1000), to_timestamp(du / 1000), ou, f, re
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
    queued_at = to_timestamp(t.q / 1000), started_at = to_timestamp(t.st / 1000), ended_at = to_timestamp(t.en / 1000),
    due_at = to_timestamp(t.du / 1000), outputs = t.ou, failure = t.f, reason = t.re
--{/}
--{tasksMoved&items}
    , items = coalesce(t.it, x.items)
--{/}
--{tasksMoved}
  FROM task t WHERE t.n IS NULL AND x.project_id = t.p AND x.run_id = t.r AND x.position = t.o
),
--{/}
--{attempts}
attempt AS MATERIALIZED (
  SELECT t.* FROM json_to_recordset(:attempts::json) AS t(
    n bool, p uuid, r uuid, o int, i uuid, nu int, e bigint, ag uuid, se bigint, s text, of float8, st float8, en float8,
    f jsonb, re jsonb, sq bigint, l bigint, b float8)
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE
),
--{/}
--{attemptsMade}
live_made AS (
  INSERT INTO live_attempts (project_id, agent_id, attempt_id, run_id, position, number, epoch, session, seq, lease_ms,
    state, offered_at)
  SELECT p, ag, i, r, o, nu, e, se, sq, l, s, to_timestamp(of / 1000) FROM attempt WHERE n AND en IS NULL
),
--{/}
--{attemptsMoved}
live_moved AS (
  UPDATE live_attempts x SET state = t.s, started_at = to_timestamp(t.st / 1000), backstop_at = to_timestamp(t.b / 1000)
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
  SELECT p, i, r, o, nu, e, ag, se, s, to_timestamp(of / 1000), to_timestamp(st / 1000), to_timestamp(en / 1000), f, re
  FROM attempt WHERE en IS NOT NULL
),
--{/}
--{queue}
waiting AS MATERIALIZED (
  SELECT t.* FROM json_to_recordset(:queue::json) AS t(
    d bool, p uuid, r uuid, o int, l uuid, pr smallint, pa float8, le bigint, q float8, av json)
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE
),
queue_made AS (
  INSERT INTO task_queue (project_id, run_id, position, lane_id, priority, pass, lease_ms, queued_at, avoid_agents)
  SELECT p, r, o, l, pr, pa, le, to_timestamp(q / 1000),
    CASE WHEN av IS NULL THEN NULL ELSE ARRAY(SELECT json_array_elements_text(av)::uuid) END
  FROM waiting WHERE d IS NULL
  ON CONFLICT (project_id, run_id, position) DO UPDATE SET lane_id = excluded.lane_id, priority = excluded.priority,
    pass = excluded.pass, queued_at = excluded.queued_at, avoid_agents = excluded.avoid_agents, taken_until = NULL
),
queue_left AS (
  DELETE FROM task_queue x USING waiting t WHERE t.d AND x.project_id = t.p AND x.run_id = t.r AND x.position = t.o
),
--{/}
--{timers}
timer AS MATERIALIZED (
  SELECT t.* FROM json_to_recordset(:timers::json) AS t(p uuid, r uuid, o int, k text, du float8)
  WHERE (t.r IN (SELECT r FROM ok)) IS TRUE
),
timer_set AS (
  INSERT INTO timers (project_id, run_id, position, kind, due_at)
  SELECT p, r, o, k, to_timestamp(du / 1000) FROM timer WHERE du IS NOT NULL
  ON CONFLICT (project_id, run_id, position, kind) DO UPDATE SET due_at = excluded.due_at
),
timer_cleared AS (
  DELETE FROM timers x USING timer t
  WHERE t.du IS NULL AND x.project_id = t.p AND x.run_id = t.r AND x.position = t.o AND x.kind = t.k
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
