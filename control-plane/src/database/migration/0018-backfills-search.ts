import type { MigrationInterface, QueryRunner } from "typeorm";

// Backfills, runs for many values, a few at a time; and what runs are searched by.
//  F1. Values are numbered as they are taken, under the lock of the backfill's row; the number is in the key, so each is
//      taken once. What lies between (taken, not begun) is a row of `timers`, which the run's commit takes away.
//  F2. A value that nothing has been done for has no row.
//  F3. Locks are taken in one order: the backfill's row, then its runs' rows and timers.
//  S1. A run gets its row of run_search after it has ended, by a loop that follows the event log (search/search-loop.ts):
//      the path of a run pays nothing. Until then it is found by looking at the runs themselves.
//  S2. Terms are hashes that begin with the project: no project's search reads another's.

const tables = ["backfills", "backfill_runs", "run_search"] as const;

export class BackfillsSearch0018 implements MigrationInterface {
  readonly name = "BackfillsSearch00189000000000018";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE backfills (
        project_id uuid NOT NULL,
        id uuid NOT NULL,
        workflow_id uuid NOT NULL,
        -- The version that its runs take.
        digest text NOT NULL,
        -- The range, or the kind and number of its items.
        what jsonb NOT NULL,
        -- Inputs of each value, or the runs that are retried.
        items jsonb,
        -- Of every run.
        inputs jsonb NOT NULL,
        labels jsonb NOT NULL,
        newest_first boolean NOT NULL,
        max_parallel integer NOT NULL,
        skip_existing boolean NOT NULL,
        total integer NOT NULL,
        state text NOT NULL,
        pause jsonb,
        -- The place that was taken last: a tick in Unix ms, or an index.
        cursor bigint,
        taken integer NOT NULL DEFAULT 0,
        succeeded integer NOT NULL DEFAULT 0,
        failed integer NOT NULL DEFAULT 0,
        cancelled integer NOT NULL DEFAULT 0,
        skipped integer NOT NULL DEFAULT 0,
        actor text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        ended_at timestamptz,
        -- When its loop looks next; null where a person has to act first, or it has ended.
        look_at timestamptz,
        origin_id uuid,
        PRIMARY KEY (project_id, id),
        FOREIGN KEY (project_id, workflow_id) REFERENCES workflows (project_id, id)
      ) WITH (fillfactor = 50);
      CREATE INDEX backfills_due ON backfills (look_at) WHERE look_at IS NOT NULL;

      CREATE TABLE backfill_runs (
        project_id uuid NOT NULL,
        backfill_id uuid NOT NULL,
        ordinal integer NOT NULL,
        at bigint NOT NULL,
        run_id uuid,
        outcome text,
        code text,
        detail text,
        PRIMARY KEY (project_id, backfill_id, ordinal),
        FOREIGN KEY (project_id, backfill_id) REFERENCES backfills (project_id, id) ON DELETE CASCADE
      );
      CREATE INDEX backfill_runs_open ON backfill_runs (backfill_id, project_id, ordinal) WHERE outcome IS NULL;

      -- Which ticks of a workflow have a run. Runs that are for no tick have no entry, and pay for the question alone.
      CREATE INDEX runs_by_tick ON runs (workflow_id, (trigger -> 'scheduledMs')) WHERE trigger ? 'scheduledMs';

      CREATE TABLE run_search (
        project_id uuid NOT NULL,
        run_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        duration_ms bigint NOT NULL,
        terms bigint[] NOT NULL,
        PRIMARY KEY (project_id, run_id)
      );
      -- What is not merged yet is read by every search from end to end, so it is kept short.
      CREATE INDEX run_search_terms ON run_search USING gin (terms) WITH (gin_pending_list_limit = 256);

      CREATE INDEX run_search_created ON run_search (project_id, created_at);

      -- How far the event log has been followed.
      CREATE TABLE search_position (
        one integer PRIMARY KEY CHECK (one = 1),
        tx text NOT NULL,
        event_id bigint NOT NULL
      );
      INSERT INTO search_position VALUES (1, '0', 0);
      GRANT SELECT, UPDATE ON search_position TO capstan_engine;

      -- One term. Changing it or what calls it means filling run_search anew.
      CREATE FUNCTION search_term(project uuid, kind text, value text) RETURNS bigint
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS $$ SELECT hashtextextended(kind || ' ' || value, uuid_hash_extended(project, 0)) $$;
      -- The words of an error text, by which it is found.
      CREATE FUNCTION search_words(given text) RETURNS text[]
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS $$ SELECT coalesce(array_agg(DISTINCT w), '{}') FROM (
          SELECT left(m[1], 40) AS w FROM regexp_matches(lower(left(given, 4000)), '[[:alnum:]_]{2,}', 'g') AS m LIMIT 100) q $$;
      -- Durations of about one power of two have one term; who searches takes the neighbours too.
      CREATE FUNCTION search_duration(ms bigint) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS $$ SELECT floor(ln(greatest(ms, 0) + 1.0::float8) / ln(2.0::float8))::text $$;
      CREATE FUNCTION search_failure(failure jsonb) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS $$ SELECT concat_ws(' ', failure ->> 'code', failure ->> 'class', failure ->> 'type', failure ->> 'task',
          failure ->> 'message') $$;
      -- From its beginning to its end.
      CREATE FUNCTION run_duration(r runs) RETURNS bigint
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS $$ SELECT (extract(epoch FROM r.ended_at - coalesce(r.started_at, r.created_at)) * 1000)::bigint $$;
      -- Writes what runs are found by, those of the given that have ended. For many at once: the parts of a statement are
      -- set up once for all. Conditions that are no look-up are written so that the planner takes no index for them.
      CREATE FUNCTION search_index(projects uuid[], ids uuid[]) RETURNS void
        LANGUAGE sql
        AS $$ INSERT INTO run_search (project_id, run_id, created_at, duration_ms, terms)
          SELECT r.project_id, r.id, min(r.created_at), min(run_duration(r)),
            array_agg(DISTINCT search_term(r.project_id, t.kind, t.value))
          FROM unnest(projects, ids) g (project_id, id)
          JOIN runs r ON r.project_id = g.project_id AND r.id = g.id AND r.ended_at IS NOT NULL
          CROSS JOIN LATERAL (
            VALUES ('state', r.state), ('workflow', r.workflow_name), ('trigger', coalesce(r.trigger ->> 'kind', '')),
              ('duration', search_duration(run_duration(r))), ('backfill', r.trigger ->> 'backfill')
            UNION ALL SELECT 'label', l.key || ':' || l.value FROM jsonb_each_text(r.labels) l
            UNION ALL (SELECT 'input', i.key || ':' || left(i.value #>> '{}', 200) FROM jsonb_each(r.inputs) i
              WHERE jsonb_typeof(i.value) IN ('string', 'number', 'boolean') LIMIT 50)
            UNION ALL SELECT 'word', w FROM unnest(search_words(search_failure(r.failure))) w WHERE r.failure IS NOT NULL
            UNION ALL (SELECT 'agent', a.agent_id::text FROM attempts a
              WHERE a.run_id = r.id AND (a.project_id = r.project_id) IS TRUE LIMIT 1000)
          ) t (kind, value)
          WHERE t.value IS NOT NULL GROUP BY r.project_id, r.id
          ON CONFLICT DO NOTHING $$;
    `);
    for (const table of tables) {
      await runner.query(`
        ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY own_project ON ${table} TO capstan_api
          USING (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid)
          WITH CHECK (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid);
        CREATE POLICY engine ON ${table} TO capstan_engine USING (true) WITH CHECK (true);
        GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO capstan_engine, capstan_api;
      `);
    }
  }

  async down(): Promise<void> {
    throw new Error("schemas are not taken back; restore a backup instead");
  }
}
