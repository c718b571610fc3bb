import type { MigrationInterface, QueryRunner } from "typeorm";

// What fires runs from outside the clock, and what is told to others.
//  W1. A delivery is a row before it is a run: one for each (trigger, what fired it), with a row of `timers` that stands for
//      the start until the commit that makes the run deletes it. What becomes no run says why in its own row.
//  W2. Secrets that the product checks or signs with stand sealed in tables that the engine's role cannot read.
//  W3. Runs that end and what is told of them are read once from the event log, from a position that moves in the same
//      transaction as the rows that it led to.

/** Read and written by the engine's loops as well; the others hold secrets. */
const engineTables = ["workflow_triggers", "trigger_deliveries", "endpoints", "endpoint_deliveries"] as const;
const secretTables = ["webhook_secrets", "endpoint_secrets"] as const;

export class Hooks0017 implements MigrationInterface {
  readonly name = "Hooks00179000000000017";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- A UUIDv7 of now, for runs that a statement asks for (PostgreSQL has its own from 18 on).
      CREATE FUNCTION capstan_uuid_v7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
        SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
          PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
          52, 1), 53, 1), 'hex')::uuid
      $$;

      -- Of the active versions.
      CREATE TABLE workflow_triggers (
        project_id uuid NOT NULL,
        workflow_id uuid NOT NULL,
        trigger_id text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('event', 'workflow', 'webhook')),
        -- The version that its runs take.
        digest text NOT NULL,
        -- A type of events, or what they begin with and '*'; the name of a workflow; null for a webhook.
        listens_to text,
        enabled boolean NOT NULL,
        -- As canonical JSON.
        spec text NOT NULL,
        disabled jsonb,
        PRIMARY KEY (project_id, workflow_id, trigger_id),
        FOREIGN KEY (project_id, workflow_id) REFERENCES workflows (project_id, id)
      );
      CREATE INDEX workflow_triggers_listening ON workflow_triggers (kind, project_id);

      -- How many triggers stand behind an event that a run sent.
      ALTER TABLE project_events ADD COLUMN chain integer;

      CREATE TABLE trigger_deliveries (
        project_id uuid NOT NULL,
        id uuid NOT NULL,
        workflow_id uuid NOT NULL,
        trigger_id text NOT NULL,
        kind text NOT NULL,
        digest text,
        -- What came is the same where this is; null where it stands for nothing, so that it may come again.
        dedupe text,
        received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        -- Null: it asked for a run.
        outcome text,
        detail text,
        run_id uuid,
        -- How it was verified, or why not; null for what came from within.
        verification text,
        -- The event, the run that ended, or the headers and the query of a request.
        context jsonb NOT NULL,
        -- The bytes of a request.
        body bytea,
        replay_of uuid,
        PRIMARY KEY (project_id, id),
        FOREIGN KEY (project_id, workflow_id) REFERENCES workflows (project_id, id)
      );
      CREATE UNIQUE INDEX trigger_deliveries_once ON trigger_deliveries (project_id, workflow_id, trigger_id, dedupe);
      CREATE INDEX trigger_deliveries_newest ON trigger_deliveries (workflow_id, trigger_id, received_at);
      CREATE INDEX trigger_deliveries_received ON trigger_deliveries (received_at);

      -- They stay where a deploy takes the trigger away, so that going back to the version before needs no new secret.
      CREATE TABLE webhook_secrets (
        project_id uuid NOT NULL,
        id uuid NOT NULL,
        workflow_id uuid NOT NULL,
        trigger_id text NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        created_by text NOT NULL,
        -- Null for the newest; those before are good until then.
        expires_at timestamptz,
        PRIMARY KEY (project_id, id),
        FOREIGN KEY (project_id, workflow_id) REFERENCES workflows (project_id, id)
      );
      CREATE INDEX webhook_secrets_of ON webhook_secrets (workflow_id, trigger_id);

      -- How far the event log has been read for triggers and endpoints; null where nobody listens.
      CREATE TABLE relay_position (
        id integer PRIMARY KEY CHECK (id = 1),
        tx bigint,
        event_id bigint NOT NULL DEFAULT 0
      );
      INSERT INTO relay_position (id) VALUES (1);

      CREATE TABLE endpoints (
        project_id uuid NOT NULL REFERENCES projects (id),
        id uuid NOT NULL,
        url text NOT NULL,
        description text NOT NULL,
        types text[] NOT NULL,
        -- Of these workflows alone; null: of all.
        workflows text[],
        format text NOT NULL CHECK (format IN ('standard', 'cloudevents')),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        created_by text NOT NULL,
        disabled jsonb,
        failing_since timestamptz,
        PRIMARY KEY (project_id, id)
      );

      CREATE TABLE endpoint_secrets (
        project_id uuid NOT NULL,
        id uuid NOT NULL,
        endpoint_id uuid NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz,
        PRIMARY KEY (project_id, id),
        FOREIGN KEY (project_id, endpoint_id) REFERENCES endpoints (project_id, id) ON DELETE CASCADE
      );
      CREATE INDEX endpoint_secrets_of ON endpoint_secrets (endpoint_id);

      CREATE TABLE endpoint_deliveries (
        project_id uuid NOT NULL,
        id uuid NOT NULL,
        endpoint_id uuid NOT NULL,
        -- Order of what happened.
        seq bigint GENERATED ALWAYS AS IDENTITY,
        -- One for each (endpoint, what happened).
        dedupe text,
        type text NOT NULL,
        subject text NOT NULL,
        payload jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        -- Null: to be tried at next_at.
        outcome text CHECK (outcome IN ('delivered', 'failed', 'dropped')),
        next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        attempts integer NOT NULL DEFAULT 0,
        -- The tries, newest last.
        tries jsonb NOT NULL DEFAULT '[]',
        PRIMARY KEY (project_id, id),
        FOREIGN KEY (project_id, endpoint_id) REFERENCES endpoints (project_id, id) ON DELETE CASCADE
      );
      CREATE UNIQUE INDEX endpoint_deliveries_once ON endpoint_deliveries (project_id, endpoint_id, dedupe);
      CREATE INDEX endpoint_deliveries_due ON endpoint_deliveries (next_at) WHERE outcome IS NULL;
      CREATE INDEX endpoint_deliveries_order ON endpoint_deliveries (endpoint_id, subject, seq) WHERE outcome IS NULL;
      CREATE INDEX endpoint_deliveries_newest ON endpoint_deliveries (endpoint_id, seq);
      CREATE INDEX endpoint_deliveries_created ON endpoint_deliveries (created_at);
    `);
    for (const table of [...engineTables, ...secretTables]) {
      await runner.query(`
        ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY own_project ON ${table} TO capstan_api
          USING (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid)
          WITH CHECK (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid);
        GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO capstan_api;
      `);
    }
    for (const table of engineTables) {
      await runner.query(`
        CREATE POLICY engine ON ${table} TO capstan_engine USING (true) WITH CHECK (true);
        GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO capstan_engine;
      `);
    }
    await runner.query("GRANT SELECT, UPDATE ON relay_position TO capstan_engine, capstan_api");
  }

  async down(): Promise<void> {
    throw new Error("the schema only goes forward; restore a backup instead");
  }
}
