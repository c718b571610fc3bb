import type { MigrationInterface, QueryRunner } from "typeorm";

// Sign-in of people: identities at a provider, passwords, invitations, sign-ins under way, and those of the CLI by a code.
//  N1. Only the SHA-256 of what a person or a program holds is kept; of a password an argon2id hash.
//  N2. These tables belong to the installation and no project: the guard's role alone may read them.
//  N3. A session knows when its holder last proved who they are, which is not when it was made: a provider may have
//      remembered them for days.

export class SignIn0015 implements MigrationInterface {
  readonly name = "SignIn00159000000000015";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE user_identities (
        issuer text NOT NULL,
        subject text NOT NULL,
        user_id uuid NOT NULL REFERENCES users (id),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (issuer, subject)
      );
      CREATE INDEX user_identities_by_user ON user_identities (user_id);

      CREATE TABLE user_passwords (
        user_id uuid PRIMARY KEY REFERENCES users (id),
        hash text NOT NULL,
        changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );

      CREATE TABLE user_invitations (
        token_sha256 bytea PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id),
        expires_at timestamptz NOT NULL
      );
      CREATE INDEX user_invitations_by_user ON user_invitations (user_id);

      -- What began in one browser; the row goes with the answer.
      CREATE TABLE sign_in_flows (
        browser_sha256 bytea PRIMARY KEY,
        return_to text NOT NULL,
        fresh boolean NOT NULL,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL
      );

      CREATE TABLE device_codes (
        device_sha256 bytea PRIMARY KEY,
        user_code text NOT NULL UNIQUE,
        client text NOT NULL,
        address text NOT NULL,
        state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'denied')),
        user_id uuid REFERENCES users (id),
        signed_in_at timestamptz,
        interval_seconds integer NOT NULL,
        asked_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL
      );

      ALTER TABLE user_sessions
        ADD COLUMN kind text NOT NULL DEFAULT 'browser' CHECK (kind IN ('browser', 'cli')),
        ADD COLUMN signed_in_at timestamptz;
      UPDATE user_sessions SET signed_in_at = created_at;
      ALTER TABLE user_sessions
        ALTER COLUMN signed_in_at SET DEFAULT clock_timestamp(),
        ALTER COLUMN signed_in_at SET NOT NULL;
      CREATE INDEX user_sessions_by_user ON user_sessions (user_id);

      -- A role that a group of the provider gives; it goes when the group does, and never replaces one given by hand.
      ALTER TABLE members ADD COLUMN from_groups boolean NOT NULL DEFAULT false;

      GRANT SELECT, INSERT, UPDATE, DELETE
        ON user_identities, user_passwords, user_invitations, sign_in_flows, device_codes TO capstan_auth;
    `);
  }

  async down(): Promise<void> {
    throw new Error("schemas are not taken back; restore a backup instead");
  }
}
