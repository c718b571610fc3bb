import type { MigrationInterface, QueryRunner } from "typeorm";

// Schedules of the active versions, each with its next tick, so that a restart computes nothing; and the ticks that became
// no run. A tick that became one is told by the run itself. What lies between (decided, not started) is a row of `timers`.
export class Schedules0013 implements MigrationInterface {
  readonly name = "Schedules00139000000000013";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE schedules (
        project_id uuid NOT NULL,
        workflow_id uuid NOT NULL,
        trigger_id text NOT NULL,
        -- The version that its runs take.
        digest text NOT NULL,
        -- What its ticks come from, as canonical JSON: where a deploy changes it, the next tick is looked for anew.
        spec text NOT NULL,
        -- Null where none will come.
        next_tick_at timestamptz,
        -- With jitter.
        due_at timestamptz,
        last_tick_at timestamptz,
        last_run_id uuid,
        pause jsonb,
        PRIMARY KEY (project_id, workflow_id, trigger_id),
        FOREIGN KEY (project_id, workflow_id) REFERENCES workflows (project_id, id)
      );
      CREATE INDEX schedules_due ON schedules (due_at) WHERE due_at IS NOT NULL;

      CREATE TABLE schedule_misses (
        project_id uuid NOT NULL,
        workflow_id uuid NOT NULL,
        trigger_id text NOT NULL,
        tick_at timestamptz NOT NULL,
        reason text NOT NULL,
        detail text,
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (project_id, workflow_id, trigger_id, tick_at)
      );
      CREATE INDEX schedule_misses_recorded ON schedule_misses (recorded_at);
    `);
    for (const table of ["schedules", "schedule_misses"]) {
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
