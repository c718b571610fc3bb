import type { MigrationInterface, QueryRunner } from "typeorm";

// API tokens of people and service accounts.
//  T1. Only the SHA-256 of a token is kept. It is unique in the whole installation, because the guard finds a token before it
//      knows a project; 256 random bits meet nobody else's.
//  T2. A token ends with its row's `revoked_at` or `expires_at`. Rows stay, so that the audit trail's ids mean something.
//  T3. capstan_auth makes projects and members, each in one transaction with its audit record, its answer to a repeated request
//      and, for a project, the pool without which nothing runs in it.

export class People0014 implements MigrationInterface {
  readonly name = "People00149000000000014";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE api_tokens (
        project_id uuid NOT NULL REFERENCES projects (id),
        id text NOT NULL,
        token_sha256 bytea NOT NULL UNIQUE,
        user_id uuid NOT NULL REFERENCES users (id),
        name text NOT NULL,
        scopes text[] NOT NULL,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL,
        last_used_at timestamptz,
        revoked_at timestamptz,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX api_tokens_by_user ON api_tokens (user_id);

      ALTER TABLE api_tokens ENABLE ROW LEVEL SECURITY;
      ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY;
      CREATE POLICY own_project ON api_tokens TO capstan_api
        USING (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid)
        WITH CHECK (project_id = nullif(current_setting('capstan.project_id', true), '')::uuid);
      CREATE POLICY auth ON api_tokens TO capstan_auth USING (true) WITH CHECK (true);
      CREATE POLICY auth ON audit_records TO capstan_auth USING (true) WITH CHECK (true);
      GRANT SELECT, INSERT, UPDATE, DELETE ON api_tokens TO capstan_api;
      GRANT SELECT, UPDATE ON api_tokens TO capstan_auth;
      GRANT SELECT, INSERT ON audit_records TO capstan_auth;
      CREATE POLICY auth ON idempotency_keys TO capstan_auth USING (true) WITH CHECK (true);
      GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO capstan_auth;
      CREATE POLICY auth ON pools TO capstan_auth WITH CHECK (true);
      GRANT INSERT ON pools, projects TO capstan_auth;
      CREATE INDEX audit_records_by_action ON audit_records (project_id, action, seq);
    `);
  }

  async down(): Promise<void> {
    throw new Error("schemas are not taken back; restore a backup instead");
  }
}
