import type { MigrationInterface, QueryRunner } from "typeorm";

// Limits of a project, and who holds them.
//  L1. What is used of a limit is the sum over its holders; no counter stands beside them.
//  L2. A hold is written with the attempt that takes it and deleted with its end. Shares of a rate stay until their window
//      is over.
//  L3. Holds are a narrow table of live work without foreign keys, like the others (0001, S1).

const tables = ["limits", "limit_holds"] as const;

export class Limits0006 implements MigrationInterface {
  readonly name = "Limits0006000000000006";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE limits (
        project_id uuid NOT NULL REFERENCES projects (id),
        name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
        capacity integer NOT NULL CHECK (capacity >= 0),
        per_ms bigint CHECK (per_ms > 0),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (project_id, name)
      );

      CREATE TABLE limit_holds (
        project_id uuid NOT NULL,
        attempt_id uuid NOT NULL,
        limit_key text NOT NULL,
        run_id uuid NOT NULL,
        position integer NOT NULL,
        weight integer NOT NULL CHECK (weight > 0),
        taken_at timestamptz NOT NULL,
        until_at timestamptz,
        PRIMARY KEY (project_id, attempt_id, limit_key)
      ) WITH (autovacuum_vacuum_scale_factor = 0.02);
      CREATE INDEX limit_holds_by_limit ON limit_holds (limit_key, project_id, until_at);
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
