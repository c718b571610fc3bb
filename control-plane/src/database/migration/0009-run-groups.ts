import type { MigrationInterface, QueryRunner } from "typeorm";

// Runs of workflows with `concurrency`, from their start to their end: who goes on, who waits, who was superseded.
// A narrow table of live work without foreign keys (0001, S1). A run waits as long as its row says so, and the admission
// loop finds it there; no replica keeps a list of its own.
export class RunGroups0009 implements MigrationInterface {
  readonly name = "RunGroups0009000000000009";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE run_groups (
        project_id uuid NOT NULL,
        run_id uuid NOT NULL,
        group_key text NOT NULL,
        state text NOT NULL CHECK (state IN ('active', 'waiting', 'superseded')),
        capacity integer NOT NULL,
        PRIMARY KEY (project_id, run_id)
      ) WITH (autovacuum_vacuum_scale_factor = 0.02);
      CREATE INDEX run_groups_by_key ON run_groups (group_key, project_id, state, run_id);
      ALTER TABLE run_groups ENABLE ROW LEVEL SECURITY;
      ALTER TABLE run_groups FORCE ROW LEVEL SECURITY;
      CREATE POLICY own_project ON run_groups TO capstan_api
        USING (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid)
        WITH CHECK (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid);
      CREATE POLICY engine ON run_groups TO capstan_engine USING (true) WITH CHECK (true);
      GRANT SELECT, INSERT, UPDATE, DELETE ON run_groups TO capstan_engine, capstan_api;
    `);
  }

  async down(): Promise<void> {
    throw new Error("schemas are not taken back; restore a backup instead");
  }
}
