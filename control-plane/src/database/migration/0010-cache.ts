import type { MigrationInterface, QueryRunner } from "typeorm";

// What tasks with `cache` gave, by key, and who is at work on a key.
//  C1. A result is kept with its outputs, so it outlives the run that it came from. `files` lists the digests among them:
//      whoever sweeps files must leave these while the row is there.
//  C2. A flight is a live task run at work on a key: taken before its attempt, deleted in the commit of its end. A row
//      whose task run has ended holds nobody up: it is taken over, and swept.

const tables = ["cached_results", "cache_flights"] as const;

export class Cache0010 implements MigrationInterface {
  // TypeORM orders by the last 13 digits, as a number; those of 0009 are 9000000000009.
  readonly name = "Cache00109000000000010";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE cached_results (
        project_id uuid NOT NULL REFERENCES projects (id),
        key text NOT NULL CHECK (key ~ '^[0-9a-f]{64}$'),
        run_id uuid NOT NULL,
        run_name text NOT NULL,
        outputs jsonb NOT NULL,
        files text[] NOT NULL,
        stored_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (project_id, key)
      );
      CREATE INDEX cached_results_expiry ON cached_results (expires_at);

      CREATE TABLE cache_flights (
        project_id uuid NOT NULL,
        key text NOT NULL,
        run_id uuid NOT NULL,
        position integer NOT NULL,
        taken_at timestamptz NOT NULL,
        PRIMARY KEY (project_id, key)
      ) WITH (autovacuum_vacuum_scale_factor = 0.02);
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
