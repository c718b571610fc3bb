import type pg from "pg";
import type { UserView } from "@capstan/proto";
import { installationId } from "../../audit/entry.ts";
import type { NewSession, OpenedSession } from "../../auth/sign-in.store.ts";
import type { NewInvitation, PasswordRow, UserChange, UserStore } from "../../auth/users.store.ts";
import { inTransaction } from "../pool.ts";
import { iso } from "./agent-rows.ts";
import { appendAudit } from "./audit-append.ts";
import { openSession, userColumns, type UserColumns } from "./open-session.ts";
import { newId } from "./sign-in.store.ts";

const views = `
  SELECT u.name, u.kind, u.system_admin AS "systemAdmin", ${iso("u.created_at")} AS "createdAt",
         ${iso("(SELECT max(s.seen_at) FROM user_sessions s WHERE s.user_id = u.id)")} AS "seenAt",
         array_remove(ARRAY[
           CASE WHEN EXISTS (SELECT 1 FROM user_passwords p WHERE p.user_id = u.id) THEN 'password' END,
           CASE WHEN EXISTS (SELECT 1 FROM user_identities i WHERE i.user_id = u.id) THEN 'oidc' END], NULL) AS "signIn",
         CASE WHEN u.disabled_at IS NOT NULL THEN 'disabled'
              WHEN u.kind = 'person' AND NOT EXISTS (SELECT 1 FROM user_passwords p WHERE p.user_id = u.id)
                   AND NOT EXISTS (SELECT 1 FROM user_identities i WHERE i.user_id = u.id) THEN 'invited'
              ELSE 'active' END AS state
    FROM users u`;

/** Users of the installation on PostgreSQL, by the role that alone may read credentials. */
export class PgUserStore implements UserStore {
  private readonly pool: pg.Pool;

  constructor(auth: pg.Pool) {
    this.pool = auth;
  }

  async users(): Promise<readonly UserView[]> {
    return (await this.pool.query<UserView & pg.QueryResultRow>(`${views} ORDER BY u.name`)).rows;
  }

  add(
    user: { readonly name: string; readonly systemAdmin: boolean },
    invitation: NewInvitation,
    actor: string,
  ): Promise<{ readonly expiresMs: number } | undefined> {
    return inTransaction(this.pool, async (client) => {
      const id = newId();
      const made = await client.query(
        "INSERT INTO users (id, name, kind, system_admin) VALUES ($1, $2, 'person', $3) ON CONFLICT (name) DO NOTHING",
        [id, user.name, user.systemAdmin],
      );
      if (made.rowCount === 0) return undefined;
      const expiresMs = await addInvitation(client, id, invitation);
      await audit(client, actor, user.name, { made: true, systemAdmin: user.systemAdmin });
      return { expiresMs };
    });
  }

  invite(name: string, invitation: NewInvitation, actor: string): Promise<{ readonly expiresMs: number } | undefined> {
    return inTransaction(this.pool, async (client) => {
      const user = await lockUser(client, name);
      if (user === undefined || user.kind !== "person" || user.disabled) return undefined;
      await client.query("DELETE FROM user_invitations WHERE user_id = $1", [user.id]);
      const expiresMs = await addInvitation(client, user.id, invitation);
      await audit(client, actor, name, { invited: true });
      return { expiresMs };
    });
  }

  setDisabled(name: string, disabled: boolean, actor: string): Promise<UserChange> {
    return inTransaction(this.pool, async (client): Promise<UserChange> => {
      const user = await lockUser(client, name);
      if (user === undefined) return { kind: "no_user" };
      // The user of the machine is how an installation is repaired whose people have locked themselves out.
      if (disabled && user.kind === "local") return { kind: "last_admin" };
      if (user.disabled !== disabled) {
        await client.query("UPDATE users SET disabled_at = CASE WHEN $2 THEN clock_timestamp() END WHERE id = $1", [
          user.id,
          disabled,
        ]);
        if (disabled) {
          await client.query("DELETE FROM user_sessions WHERE user_id = $1", [user.id]);
          await client.query("DELETE FROM user_invitations WHERE user_id = $1", [user.id]);
          await client.query("DELETE FROM device_codes WHERE user_id = $1", [user.id]);
        }
        await audit(client, actor, name, { disabled });
      }
      const { rows } = await client.query<UserView & pg.QueryResultRow>(`${views} WHERE u.id = $1`, [user.id]);
      const [view] = rows;
      return view === undefined ? { kind: "no_user" } : { kind: "changed", user: view };
    });
  }

  async invited(tokenHash: Buffer): Promise<string | undefined> {
    const { rows } = await this.pool.query<{ name: string }>(
      `SELECT u.name FROM user_invitations i JOIN users u ON u.id = i.user_id
        WHERE i.token_sha256 = $1 AND i.expires_at > clock_timestamp() AND u.disabled_at IS NULL`,
      [tokenHash],
    );
    return rows[0]?.name;
  }

  accept(tokenHash: Buffer, passwordHash: string, session: NewSession): Promise<OpenedSession | undefined> {
    return inTransaction(this.pool, async (client) => {
      const used = await client.query<{ user_id: string }>(
        "DELETE FROM user_invitations WHERE token_sha256 = $1 AND expires_at > clock_timestamp() RETURNING user_id",
        [tokenHash],
      );
      const userId = used.rows[0]?.user_id;
      if (userId === undefined) return undefined;
      const found = await client.query<UserColumns>(`SELECT ${userColumns} FROM users u WHERE u.id = $1 FOR UPDATE`, [
        userId,
      ]);
      const user = found.rows[0];
      if (user === undefined || user.disabled) return undefined;
      await client.query(
        `INSERT INTO user_passwords (user_id, hash) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed_at = clock_timestamp()`,
        [user.id, passwordHash],
      );
      // Whoever knew the old password is out.
      await client.query("DELETE FROM user_sessions WHERE user_id = $1", [user.id]);
      await audit(client, `user:${user.name}`, user.name, { passwordSet: true });
      return openSession(client, user, session, { by: "invitation" });
    });
  }

  async password(name: string): Promise<PasswordRow | undefined> {
    const { rows } = await this.pool.query<{ id: string; name: string; hash: string | null }>(
      `SELECT u.id, u.name, CASE WHEN u.disabled_at IS NULL THEN p.hash END AS hash
         FROM users u LEFT JOIN user_passwords p ON p.user_id = u.id WHERE u.name = $1 AND u.kind = 'person'`,
      [name],
    );
    const [row] = rows;
    return row === undefined ? undefined : { userId: row.id, name: row.name, hash: row.hash ?? undefined };
  }

  openByPassword(row: PasswordRow, session: NewSession): Promise<OpenedSession | undefined> {
    return inTransaction(this.pool, async (client) => {
      const found = await client.query<UserColumns>(
        `SELECT ${userColumns} FROM users u JOIN user_passwords p ON p.user_id = u.id
          WHERE u.id = $1 AND p.hash = $2 AND u.disabled_at IS NULL FOR SHARE OF u`,
        [row.userId, row.hash],
      );
      const [user] = found.rows;
      return user === undefined ? undefined : openSession(client, user, session, { by: "password" });
    });
  }

  async refused(name: string | undefined, address: string): Promise<void> {
    // What was typed as a name that nobody has may be a password: it is not kept.
    const actor = name === undefined ? "nobody" : `user:${name}`;
    await inTransaction(this.pool, (client) =>
      appendAudit(client, installationId, {
        actor,
        action: "sign_in:refused",
        subject: name ?? "unknown user",
        detail: { by: "password", address },
      }),
    );
  }
}

async function lockUser(client: pg.PoolClient, name: string): Promise<UserColumns | undefined> {
  const { rows } = await client.query<UserColumns>(`SELECT ${userColumns} FROM users u WHERE u.name = $1 FOR UPDATE`, [
    name,
  ]);
  return rows[0];
}

async function addInvitation(client: pg.PoolClient, userId: string, invitation: NewInvitation): Promise<number> {
  const { rows } = await client.query<{ expires_ms: number }>(
    `WITH swept AS (DELETE FROM user_invitations WHERE expires_at < clock_timestamp())
     INSERT INTO user_invitations (token_sha256, user_id, expires_at)
     VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3::float8 / 1000))
     RETURNING (extract(epoch FROM expires_at) * 1000)::float8 AS expires_ms`,
    [invitation.tokenHash, userId, invitation.lifeMs],
  );
  return Math.round(rows[0]?.expires_ms ?? 0);
}

const audit = (
  client: pg.PoolClient,
  actor: string,
  subject: string,
  detail: Readonly<Record<string, boolean>>,
): Promise<void> => appendAudit(client, installationId, { actor, action: "users:write", subject, detail });
