import type { MigrationInterface, QueryRunner } from "typeorm";

// One action on many runs.
//  O1. Which runs it is about is decided once, when it is asked for; each is a row that says what came of it.
//  O2. A row is claimed for a time. What acts on a run may be repeated: a cancel by nature, a start by its idempotency key.
//  O3. An operation is over when no row of it is open; nothing else says so.

const tables = ["operations", "operation_runs"] as const;

export class Operations0016 implements MigrationInterface {
  readonly name = "Operations00169000000000016";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE operations (
        project_id uuid NOT NULL REFERENCES projects (id),
        id uuid NOT NULL,
        action text NOT NULL CHECK (action IN ('cancel', 'retry', 'rerun')),
        options jsonb NOT NULL,
        actor text NOT NULL,
        caller text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (project_id, id)
      );

      CREATE TABLE operation_runs (
        project_id uuid NOT NULL,
        operation_id uuid NOT NULL,
        run_id uuid NOT NULL,
        claimed_until timestamptz,
        outcome text CHECK (outcome IN ('done', 'refused')),
        code text,
        detail text,
        PRIMARY KEY (project_id, operation_id, run_id),
        FOREIGN KEY (project_id, operation_id) REFERENCES operations (project_id, id) ON DELETE CASCADE
      );
      CREATE INDEX operation_runs_open ON operation_runs (operation_id, project_id, run_id) WHERE outcome IS NULL;
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
