import type { MigrationInterface, QueryRunner } from "typeorm";

// The first schema. Rules that every later migration keeps:
//  S1. Every table of a project starts its primary key with project_id, and every foreign key contains it.
//      The hot children of runs (task_runs, attempts and the narrow tables of live work) have none: one statement writes
//      them, and only beside a run of the same project that it has just locked or made (`commit-batch.sql`, B1).
//  S2. Row-level security is enabled and forced on each; a request sees its own project only.
//  S3. No index on a column that changes in runs' hot children (task_runs, attempts); what waits or is due lives in
//      narrow tables of live work (task_queue, live_attempts, timers), where rows are inserted and deleted.
//      Beside a primary key (project_id, id) no other index of a hot table begins with project_id: a plan made while the
//      table was empty may take it for the look-up by id, and then reads the whole project.
//  S4. History (run_events, log_segments) is appended, never updated.

const roles = ["capstan_auth", "capstan_api", "capstan_engine"] as const;

/** Tables of a project that the engine's role may write; its statements carry project_id in every join. */
const engineTables = [
  "workflows",
  "workflow_versions",
  "pools",
  "agents",
  "agent_sessions",
  "runs",
  "task_runs",
  "attempts",
  "task_queue",
  "live_attempts",
  "lanes",
  "timers",
  "run_events",
  "idempotency_keys",
  "log_streams",
  "log_segments",
  "trace_batches",
  "join_tokens",
  "agent_nonces_used",
  "security_events",
] as const;

/** Tables that requests may read and write within their project. */
const apiTables = [
  "workflows",
  "workflow_versions",
  "deploys",
  "bundles",
  "pools",
  "join_tokens",
  "agents",
  "agent_sessions",
  "runs",
  "task_runs",
  "attempts",
  "task_queue",
  "live_attempts",
  "lanes",
  "timers",
  "run_events",
  "idempotency_keys",
  "log_streams",
  "log_segments",
  "trace_batches",
  "files",
  "agent_nonces_used",
  "security_events",
  "audit_records",
] as const;

export class Foundation0001 implements MigrationInterface {
  readonly name = "Foundation0001000000000001";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE projects (
        id uuid PRIMARY KEY,
        name text NOT NULL UNIQUE,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );

      CREATE TABLE users (
        id uuid PRIMARY KEY,
        name text NOT NULL UNIQUE,
        kind text NOT NULL CHECK (kind IN ('person', 'service', 'local')),
        system_admin boolean NOT NULL DEFAULT false,
        disabled_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );

      CREATE TABLE members (
        project_id uuid NOT NULL REFERENCES projects (id),
        user_id uuid NOT NULL REFERENCES users (id),
        role text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (project_id, user_id)
      );

      -- Opaque credentials of people: only the SHA-256 of 256 random bits is kept.
      CREATE TABLE user_sessions (
        token_sha256 bytea PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL
      );

      CREATE TABLE sign_in_links (
        token_sha256 bytea PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id),
        expires_at timestamptz NOT NULL,
        used_at timestamptz
      );

      CREATE TABLE bundles (
        project_id uuid NOT NULL REFERENCES projects (id),
        sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
        size_bytes bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (project_id, sha256)
      );

      CREATE TABLE files (
        project_id uuid NOT NULL REFERENCES projects (id),
        sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
        size_bytes bigint NOT NULL,
        media_type text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (project_id, sha256)
      );

      CREATE TABLE workflows (
        project_id uuid NOT NULL REFERENCES projects (id),
        id uuid NOT NULL,
        name text NOT NULL,
        active_digest text,
        last_run_number bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        retired_at timestamptz,
        PRIMARY KEY (project_id, id),
        UNIQUE (name, project_id)
      ) WITH (fillfactor = 60);

      CREATE TABLE deploys (
        project_id uuid NOT NULL REFERENCES projects (id),
        id uuid NOT NULL,
        actor text NOT NULL,
        message text,
        result jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (project_id, id)
      );

      CREATE TABLE workflow_versions (
        project_id uuid NOT NULL,
        workflow_id uuid NOT NULL,
        digest text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
        number integer NOT NULL,
        canonical text NOT NULL,
        source text NOT NULL,
        source_file text NOT NULL,
        bundle_sha256 text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        created_by text NOT NULL,
        PRIMARY KEY (project_id, workflow_id, digest),
        UNIQUE (project_id, workflow_id, number),
        FOREIGN KEY (project_id, workflow_id) REFERENCES workflows (project_id, id),
        FOREIGN KEY (project_id, bundle_sha256) REFERENCES bundles (project_id, sha256)
      );
      CREATE INDEX workflow_versions_by_digest ON workflow_versions (project_id, digest);

      CREATE TABLE pools (
        project_id uuid NOT NULL REFERENCES projects (id),
        id uuid NOT NULL,
        name text NOT NULL,
        paused_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (project_id, id),
        UNIQUE (project_id, name)
      );

      CREATE TABLE join_tokens (
        project_id uuid NOT NULL,
        id uuid NOT NULL,
        public_id text NOT NULL UNIQUE,
        pool_id uuid NOT NULL,
        mac_key_encrypted bytea NOT NULL,
        uses_max integer NOT NULL CHECK (uses_max > 0),
        uses integer NOT NULL DEFAULT 0 CHECK (uses <= uses_max),
        labels jsonb NOT NULL DEFAULT '{}',
        cidr cidr,
        approve boolean NOT NULL DEFAULT false,
        expires_at timestamptz NOT NULL,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (project_id, id),
        FOREIGN KEY (project_id, pool_id) REFERENCES pools (project_id, id)
      );

      CREATE TABLE agents (
        project_id uuid NOT NULL,
        id uuid NOT NULL,
        pool_id uuid NOT NULL,
        name text NOT NULL,
        state text NOT NULL CHECK (state IN ('pending', 'active', 'draining', 'drained', 'suspended', 'revoked')),
        key_thumbprint text NOT NULL UNIQUE,
        identity_key jsonb NOT NULL,
        sealing_key jsonb,
        labels_pinned jsonb NOT NULL DEFAULT '{}',
        labels_fact jsonb NOT NULL DEFAULT '{}',
        labels_self jsonb NOT NULL DEFAULT '{}',
        version text NOT NULL DEFAULT '',
        fingerprint text,
        slots integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        seen_at timestamptz,
        PRIMARY KEY (project_id, id),
        UNIQUE (project_id, name),
        FOREIGN KEY (project_id, pool_id) REFERENCES pools (project_id, id)
      );

      -- One row per agent, renewed by heartbeats: the lease of all its attempts is counted from renewed_ms (counted time).
      CREATE TABLE agent_sessions (
        project_id uuid NOT NULL,
        agent_id uuid NOT NULL,
        session bigint NOT NULL,
        connect_no bigint NOT NULL,
        heartbeat bigint NOT NULL,
        renewed_ms bigint NOT NULL,
        boot_id text NOT NULL,
        replica text NOT NULL,
        state text NOT NULL CHECK (state IN ('syncing', 'live', 'closed', 'dead')),
        PRIMARY KEY (project_id, agent_id),
        FOREIGN KEY (project_id, agent_id) REFERENCES agents (project_id, id)
      ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

      CREATE TABLE agent_nonces_used (
        project_id uuid NOT NULL,
        jti text NOT NULL,
        agent_id uuid NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (project_id, agent_id, jti)
      );

      -- Counted time of the control plane: advances at most two seconds per second of anybody's clock, stands still while
      -- nobody counts, and is the only time that leases know.
      CREATE TABLE lease_clock (
        id integer PRIMARY KEY CHECK (id = 1),
        counted_ms bigint NOT NULL,
        db_time timestamptz NOT NULL,
        incarnation integer NOT NULL,
        timeline text NOT NULL,
        resync_ms bigint NOT NULL
      ) WITH (fillfactor = 50);
      INSERT INTO lease_clock VALUES (1, 0, clock_timestamp(), 1, left(pg_walfile_name(pg_current_wal_lsn()), 8), 0);

      CREATE TABLE runs (
        project_id uuid NOT NULL,
        id uuid NOT NULL,
        workflow_id uuid NOT NULL,
        workflow_name text NOT NULL,
        number bigint NOT NULL,
        digest text NOT NULL,
        state text NOT NULL,
        version integer NOT NULL,
        event_seq integer NOT NULL,
        priority smallint NOT NULL,
        inputs jsonb NOT NULL,
        labels jsonb NOT NULL,
        trigger jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        started_at timestamptz,
        ended_at timestamptz,
        deadline_at timestamptz,
        cancel jsonb,
        outputs jsonb,
        failure jsonb,
        PRIMARY KEY (project_id, id),
        UNIQUE (workflow_id, project_id, number),
        FOREIGN KEY (project_id, workflow_id) REFERENCES workflows (project_id, id)
      ) WITH (fillfactor = 60);
      -- The one index on a changing column: lists by state, and the scan for runs whose deadline has passed.
      CREATE INDEX runs_by_state ON runs (state, project_id, id);

      CREATE TABLE task_runs (
        project_id uuid NOT NULL,
        run_id uuid NOT NULL,
        position integer NOT NULL,
        id uuid NOT NULL,
        key text NOT NULL,
        state text NOT NULL,
        epoch bigint NOT NULL,
        attempts integer NOT NULL,
        counters jsonb,
        attempt_id uuid,
        agent_id uuid,
        created_at timestamptz NOT NULL,
        queued_at timestamptz,
        started_at timestamptz,
        ended_at timestamptz,
        due_at timestamptz,
        outputs jsonb,
        failure jsonb,
        reason jsonb,
        PRIMARY KEY (project_id, run_id, position)
      ) WITH (fillfactor = 60);

      -- Attempts that have ended, written once. Those that live are in live_attempts; attempt_records shows both.
      CREATE TABLE attempts (
        project_id uuid NOT NULL,
        id uuid NOT NULL,
        run_id uuid NOT NULL,
        position integer NOT NULL,
        number integer NOT NULL,
        epoch bigint NOT NULL,
        agent_id uuid NOT NULL,
        session bigint NOT NULL,
        state text NOT NULL,
        offered_at timestamptz NOT NULL,
        started_at timestamptz,
        ended_at timestamptz,
        failure jsonb,
        result jsonb,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX attempts_by_task_run ON attempts (run_id, position);

      -- What may be matched against agents: one row per distinct selector and pool.
      CREATE TABLE lanes (
        project_id uuid NOT NULL,
        id uuid NOT NULL,
        pool_id uuid NOT NULL,
        selector_hash text NOT NULL,
        selector jsonb NOT NULL,
        PRIMARY KEY (project_id, id),
        UNIQUE (project_id, pool_id, selector_hash),
        FOREIGN KEY (project_id, pool_id) REFERENCES pools (project_id, id)
      );

      -- Waiting work only. taken_until is a short reservation by a dispatcher; it ends by itself if that one dies.
      CREATE TABLE task_queue (
        project_id uuid NOT NULL,
        run_id uuid NOT NULL,
        position integer NOT NULL,
        lane_id uuid NOT NULL,
        priority smallint NOT NULL,
        pass double precision NOT NULL,
        lease_ms bigint NOT NULL,
        queued_at timestamptz NOT NULL,
        taken_until timestamptz,
        avoid_agents uuid[],
        PRIMARY KEY (project_id, run_id, position)
      ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
      CREATE INDEX task_queue_order ON task_queue (lane_id, priority, pass, run_id, position);

      -- Attempts that an agent may be executing. session and seq name the offer, for comparing with what the agent holds.
      CREATE TABLE live_attempts (
        project_id uuid NOT NULL,
        agent_id uuid NOT NULL,
        attempt_id uuid NOT NULL,
        run_id uuid NOT NULL,
        position integer NOT NULL,
        number integer NOT NULL,
        epoch bigint NOT NULL,
        session bigint NOT NULL,
        seq bigint NOT NULL,
        lease_ms bigint NOT NULL,
        state text NOT NULL,
        offered_at timestamptz NOT NULL,
        started_at timestamptz,
        backstop_at timestamptz,
        PRIMARY KEY (project_id, agent_id, attempt_id)
      ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

      CREATE VIEW attempt_records WITH (security_invoker = true) AS
        SELECT project_id, id, run_id, position, number, epoch, agent_id, session, state, offered_at, started_at,
          ended_at, failure, result
        FROM attempts
        UNION ALL
        SELECT project_id, attempt_id, run_id, position, number, epoch, agent_id, session, state, offered_at, started_at,
          NULL, NULL, NULL
        FROM live_attempts;

      CREATE TABLE timers (
        project_id uuid NOT NULL,
        run_id uuid NOT NULL,
        position integer NOT NULL,
        kind text NOT NULL,
        due_at timestamptz NOT NULL,
        PRIMARY KEY (project_id, run_id, position, kind)
      ) WITH (autovacuum_vacuum_scale_factor = 0.02);
      CREATE INDEX timers_due ON timers (due_at);

      -- One row per committed decision: items are its events in order, first_seq the number of the first within the run.
      -- (tx, id) is the position of the live stream; only rows of transactions that are certainly over are served.
      CREATE TABLE run_events (
        project_id uuid NOT NULL,
        run_id uuid NOT NULL,
        first_seq integer NOT NULL,
        id bigint GENERATED ALWAYS AS IDENTITY,
        tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
        at timestamptz NOT NULL,
        items json NOT NULL,
        PRIMARY KEY (project_id, run_id, first_seq)
      );
      CREATE INDEX run_events_stream ON run_events (tx, id);

      CREATE TABLE idempotency_keys (
        project_id uuid NOT NULL,
        caller text NOT NULL,
        key text NOT NULL,
        request_sha256 text NOT NULL,
        run_id uuid,
        status integer,
        response jsonb,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (project_id, caller, key)
      );
      CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

      CREATE TABLE log_streams (
        project_id uuid NOT NULL,
        attempt_id uuid NOT NULL,
        run_id uuid NOT NULL,
        position integer NOT NULL,
        epoch bigint NOT NULL,
        committed_bytes bigint NOT NULL DEFAULT 0,
        committed_lines bigint NOT NULL DEFAULT 0,
        state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'complete', 'incomplete')),
        final_bytes bigint,
        final_sha256 text,
        PRIMARY KEY (project_id, attempt_id)
      ) WITH (fillfactor = 60);

      CREATE TABLE log_segments (
        project_id uuid NOT NULL,
        attempt_id uuid NOT NULL,
        start_bytes bigint NOT NULL,
        length_bytes bigint NOT NULL,
        start_lines bigint NOT NULL,
        lines integer NOT NULL,
        base_ms bigint NOT NULL,
        codec smallint NOT NULL,
        flags smallint NOT NULL,
        payload bytea NOT NULL,
        PRIMARY KEY (project_id, attempt_id, start_bytes)
      );
      ALTER TABLE log_segments ALTER COLUMN payload SET STORAGE EXTERNAL;

      CREATE TABLE trace_batches (
        project_id uuid NOT NULL,
        agent_id uuid NOT NULL,
        sequence bigint NOT NULL,
        attempt_id uuid,
        signal smallint NOT NULL,
        encoding smallint NOT NULL,
        codec smallint NOT NULL,
        payload bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (project_id, agent_id, sequence)
      );

      CREATE TABLE security_events (
        project_id uuid NOT NULL,
        id bigint GENERATED ALWAYS AS IDENTITY,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        kind text NOT NULL,
        evidence jsonb NOT NULL,
        PRIMARY KEY (project_id, id)
      );

      CREATE TABLE audit_records (
        project_id uuid NOT NULL,
        seq bigint NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        actor text NOT NULL,
        action text NOT NULL,
        subject text NOT NULL,
        detail jsonb NOT NULL,
        previous_sha256 text NOT NULL,
        sha256 text NOT NULL,
        PRIMARY KEY (project_id, seq)
      );
    `);

    for (const role of roles) {
      // Roles belong to the cluster, not to the database: another database of the same cluster may have made them.
      await runner.query(`DO $$ BEGIN CREATE ROLE ${role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`);
      await runner.query(`GRANT USAGE ON SCHEMA public TO ${role}`);
    }
    for (const table of new Set<string>([...engineTables, ...apiTables])) {
      await runner.query(`
        ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY own_project ON ${table} TO capstan_api
          USING (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid)
          WITH CHECK (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid);
      `);
    }
    for (const table of engineTables) {
      await runner.query(`CREATE POLICY engine ON ${table} TO capstan_engine USING (true) WITH CHECK (true)`);
      await runner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO capstan_engine`);
    }
    for (const table of apiTables) {
      const rights = table === "audit_records" ? "SELECT, INSERT" : "SELECT, INSERT, UPDATE, DELETE";
      await runner.query(`GRANT ${rights} ON ${table} TO capstan_api`);
    }
    await runner.query(`
      GRANT SELECT ON projects TO capstan_auth, capstan_api, capstan_engine;
      GRANT SELECT, INSERT, UPDATE, DELETE ON users, members, user_sessions, sign_in_links TO capstan_auth;
      GRANT SELECT, UPDATE ON lease_clock TO capstan_engine;
      GRANT SELECT ON lease_clock TO capstan_api;
      GRANT SELECT ON attempt_records TO capstan_api, capstan_engine;
    `);
  }

  async down(): Promise<void> {
    throw new Error("the first schema is not taken back; restore a backup instead");
  }
}
