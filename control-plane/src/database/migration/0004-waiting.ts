import type { MigrationInterface, QueryRunner } from "typeorm";

// What waits for something else than an agent: timers carry what they bring, and say what else ends them. Events that
// were told to a project are kept, so that a task which begins to wait finds what came before.

export class Waiting0004 implements MigrationInterface {
  readonly name = "Waiting0004000000000004";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE timers ADD COLUMN body jsonb, ADD COLUMN awaits text;
      -- Found by what they wait for; most timers wait for nothing but their time and are not in it.
      CREATE INDEX timers_awaits ON timers (project_id, awaits) WHERE awaits IS NOT NULL;

      CREATE TABLE project_events (
        project_id uuid NOT NULL REFERENCES projects (id),
        id uuid NOT NULL,
        seq bigint GENERATED ALWAYS AS IDENTITY,
        type text NOT NULL,
        -- The sender's own source and id: a repeat is the same event.
        dedupe text,
        actor text NOT NULL,
        body jsonb NOT NULL,
        received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        -- When those who wait for it had their rows; null until then.
        told_at timestamptz,
        PRIMARY KEY (project_id, id)
      );
      CREATE UNIQUE INDEX project_events_dedupe ON project_events (project_id, dedupe);
      CREATE INDEX project_events_type ON project_events (project_id, type, seq);
      CREATE INDEX project_events_untold ON project_events (seq) WHERE told_at IS NULL;
      ALTER TABLE project_events ENABLE ROW LEVEL SECURITY;
      ALTER TABLE project_events FORCE ROW LEVEL SECURITY;
      CREATE POLICY own_project ON project_events TO capstan_api
        USING (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid)
        WITH CHECK (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid);
      CREATE POLICY engine ON project_events TO capstan_engine USING (true) WITH CHECK (true);
      GRANT SELECT, INSERT, UPDATE, DELETE ON project_events TO capstan_engine, capstan_api;
    `);
  }

  async down(): Promise<void> {
    throw new Error("the schema only goes forward; restore a backup instead");
  }
}
