import type { MigrationInterface, QueryRunner } from "typeorm";

// Variables of a project: plain values that workflows read. What a run read of them stands with the run.
export class Variables0012 implements MigrationInterface {
  readonly name = "Variables00129000000000012";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE variables (
        project_id uuid NOT NULL REFERENCES projects (id),
        name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
        value text NOT NULL CHECK (octet_length(value) <= 65536),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_by text NOT NULL,
        PRIMARY KEY (project_id, name)
      );
      ALTER TABLE variables ENABLE ROW LEVEL SECURITY;
      ALTER TABLE variables FORCE ROW LEVEL SECURITY;
      CREATE POLICY own_project ON variables TO capstan_api
        USING (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid)
        WITH CHECK (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid);
      CREATE POLICY engine ON variables TO capstan_engine USING (true) WITH CHECK (true);
      GRANT SELECT, INSERT, UPDATE, DELETE ON variables TO capstan_engine, capstan_api;
    `);
  }

  async down(): Promise<void> {
    throw new Error("schemas are not taken back; restore a backup instead");
  }
}
