import type pg from "pg";
import type { ApiTokenRow, AuthStore, ProjectRow, SessionRow, UserRow } from "../../auth/auth.store.ts";
import { inTransaction } from "../pool.ts";

const idle = "interval '12 hours'";

interface SessionColumns {
  readonly id: string;
  readonly name: string;
  readonly kind: UserRow["kind"];
  readonly system_admin: boolean;
  readonly created_ms: number;
  readonly expires_ms: number;
}

const sessionOf = (row: SessionColumns): SessionRow => ({
  user: { id: row.id, name: row.name, kind: row.kind, systemAdmin: row.system_admin },
  createdMs: row.created_ms,
  expiresMs: row.expires_ms,
});

/** Sign-in on PostgreSQL, by the role that alone may read credentials. */
export class PgAuthStore implements AuthStore {
  private readonly pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.pool = pool;
  }

  async localUser(): Promise<UserRow | undefined> {
    const found = await this.pool.query<{ id: string; name: string; system_admin: boolean }>(
      "SELECT id, name, system_admin FROM users WHERE kind = 'local' AND disabled_at IS NULL ORDER BY created_at LIMIT 1",
    );
    const row = found.rows[0];
    return row === undefined ? undefined : { id: row.id, name: row.name, kind: "local", systemAdmin: row.system_admin };
  }

  async session(tokenHash: Buffer): Promise<SessionRow | undefined> {
    const found = await this.pool.query<SessionColumns>(
      `SELECT u.id, u.name, u.kind, u.system_admin,
              (extract(epoch FROM s.signed_in_at) * 1000)::float8 AS created_ms,
              (extract(epoch FROM s.expires_at) * 1000)::float8 AS expires_ms
         FROM user_sessions s JOIN users u ON u.id = s.user_id
        WHERE s.token_sha256 = $1 AND s.expires_at > clock_timestamp() AND (s.kind = 'cli' OR s.seen_at > clock_timestamp() - ${idle})
          AND u.disabled_at IS NULL`,
      [tokenHash],
    );
    const row = found.rows[0];
    if (row === undefined) return undefined;
    await this.pool.query(
      `UPDATE user_sessions SET seen_at = clock_timestamp()
        WHERE token_sha256 = $1 AND seen_at < clock_timestamp() - interval '1 minute'`,
      [tokenHash],
    );
    return sessionOf(row);
  }

  async apiToken(tokenHash: Buffer): Promise<ApiTokenRow | undefined> {
    const found = await this.pool.query<SessionColumns & { project_id: string; scopes: string[] }>(
      `SELECT u.id, u.name, u.kind, u.system_admin, t.project_id, t.scopes,
              (extract(epoch FROM t.created_at) * 1000)::float8 AS created_ms,
              (extract(epoch FROM t.expires_at) * 1000)::float8 AS expires_ms
         FROM api_tokens t JOIN users u ON u.id = t.user_id
        WHERE t.token_sha256 = $1 AND t.expires_at > clock_timestamp() AND t.revoked_at IS NULL
          AND u.disabled_at IS NULL`,
      [tokenHash],
    );
    const row = found.rows[0];
    if (row === undefined) return undefined;
    await this.pool.query(
      `UPDATE api_tokens SET last_used_at = clock_timestamp()
        WHERE token_sha256 = $1 AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')`,
      [tokenHash],
    );
    return { ...sessionOf(row), projectId: row.project_id, scopes: row.scopes };
  }

  async createLink(tokenHash: Buffer, userId: string, lifeMs: number): Promise<{ readonly expiresMs: number }> {
    const made = await this.pool.query<{ expires_ms: number }>(
      `WITH swept AS (DELETE FROM sign_in_links WHERE expires_at < clock_timestamp() - interval '1 day')
       INSERT INTO sign_in_links (token_sha256, user_id, expires_at)
       VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3::float8 / 1000))
       RETURNING (extract(epoch FROM expires_at) * 1000)::float8 AS expires_ms`,
      [tokenHash, userId, lifeMs],
    );
    return { expiresMs: Math.round(made.rows[0]?.expires_ms ?? 0) };
  }

  exchange(linkHash: Buffer, sessionHash: Buffer, lifeMs: number): Promise<SessionRow | undefined> {
    return inTransaction(this.pool, async (client) => {
      const used = await client.query<{ user_id: string }>(
        `UPDATE sign_in_links SET used_at = clock_timestamp()
          WHERE token_sha256 = $1 AND used_at IS NULL AND expires_at > clock_timestamp() RETURNING user_id`,
        [linkHash],
      );
      const userId = used.rows[0]?.user_id;
      if (userId === undefined) return undefined;
      const made = await client.query<SessionColumns>(
        `WITH swept AS (DELETE FROM user_sessions WHERE expires_at < clock_timestamp()),
              made AS (
                INSERT INTO user_sessions (token_sha256, user_id, expires_at)
                VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3::float8 / 1000)) RETURNING *)
         SELECT u.id, u.name, u.kind, u.system_admin,
                (extract(epoch FROM made.created_at) * 1000)::float8 AS created_ms,
                (extract(epoch FROM made.expires_at) * 1000)::float8 AS expires_ms
           FROM made JOIN users u ON u.id = made.user_id WHERE u.disabled_at IS NULL`,
        [sessionHash, userId, lifeMs],
      );
      const row = made.rows[0];
      return row === undefined ? undefined : sessionOf(row);
    });
  }

  async endSession(tokenHash: Buffer): Promise<void> {
    await this.pool.query("DELETE FROM user_sessions WHERE token_sha256 = $1", [tokenHash]);
  }

  async projects(): Promise<readonly ProjectRow[]> {
    const found = await this.pool.query<{ id: string; name: string; created_ms: number }>(
      "SELECT id, name, (extract(epoch FROM created_at) * 1000)::float8 AS created_ms FROM projects ORDER BY name",
    );
    return found.rows.map((row) => ({ id: row.id, name: row.name, createdMs: row.created_ms }));
  }

  async project(name: string): Promise<ProjectRow | undefined> {
    const found = await this.pool.query<{ id: string; name: string; created_ms: number }>(
      "SELECT id, name, (extract(epoch FROM created_at) * 1000)::float8 AS created_ms FROM projects WHERE name = $1",
      [name],
    );
    const row = found.rows[0];
    return row === undefined ? undefined : { id: row.id, name: row.name, createdMs: row.created_ms };
  }

  async roleOf(projectId: string, userId: string): Promise<string | undefined> {
    const found = await this.pool.query<{ role: string }>(
      "SELECT role FROM members WHERE project_id = $1 AND user_id = $2",
      [projectId, userId],
    );
    return found.rows[0]?.role;
  }
}
