import type { MigrationInterface, QueryRunner } from "typeorm";

// Dedupe keys: of the runs of a workflow that were started by one key, one at most goes on. The key is taken in the statement
// that makes the run, and taken over where its run has ended; nothing is written when a run ends. And what people say about a
// project.
export class DedupeKeys0025 implements MigrationInterface {
  readonly name = "DedupeKeys00259000000000025";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE run_dedupe_keys (
        project_id uuid NOT NULL,
        workflow_id uuid NOT NULL,
        key text NOT NULL,
        -- The run that was started last.
        run_id uuid NOT NULL,
        PRIMARY KEY (project_id, workflow_id, key)
      ) WITH (fillfactor = 50);
      ALTER TABLE run_dedupe_keys ENABLE ROW LEVEL SECURITY;
      ALTER TABLE run_dedupe_keys FORCE ROW LEVEL SECURITY;
      CREATE POLICY own_project ON run_dedupe_keys TO capstan_api
        USING (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid)
        WITH CHECK (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid);
      CREATE POLICY engine ON run_dedupe_keys TO capstan_engine USING (true) WITH CHECK (true);
      GRANT SELECT, INSERT, UPDATE, DELETE ON run_dedupe_keys TO capstan_engine, capstan_api;

      ALTER TABLE projects ADD COLUMN description text NOT NULL DEFAULT '';
      GRANT UPDATE (description) ON projects TO capstan_auth;
    `);
  }

  async down(): Promise<void> {
    throw new Error("schemas are not taken back; restore a backup instead");
  }
}
