// A session and its audit record, in the transaction of whatever proved the person.
import type pg from "pg";
import type { JsonObject } from "@capstan/proto";
import { installationId } from "../../audit/entry.ts";
import type { UserRow } from "../../auth/auth.store.ts";
import type { NewSession, OpenedSession } from "../../auth/sign-in.store.ts";
import { appendAudit } from "./audit-append.ts";

export interface UserColumns {
  readonly id: string;
  readonly name: string;
  readonly kind: UserRow["kind"];
  readonly system_admin: boolean;
  readonly disabled: boolean;
}

/** Columns of a user under the alias `u`. */
export const userColumns = "u.id, u.name, u.kind, u.system_admin, u.disabled_at IS NOT NULL AS disabled";

/** `detail` says by what the person signed in. */
export async function openSession(
  client: pg.PoolClient,
  user: UserColumns,
  session: NewSession,
  detail: JsonObject,
): Promise<OpenedSession> {
  if (session.replaces !== undefined)
    await client.query("DELETE FROM user_sessions WHERE token_sha256 = $1", [session.replaces]);
  const made = await client.query<{ expires_ms: number }>(
    `WITH swept AS (DELETE FROM user_sessions WHERE expires_at < clock_timestamp())
     INSERT INTO user_sessions (token_sha256, user_id, kind, expires_at, signed_in_at)
     VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4::float8 / 1000),
             least(clock_timestamp(), coalesce(to_timestamp($5::float8 / 1000), clock_timestamp())))
     RETURNING (extract(epoch FROM expires_at) * 1000)::float8 AS expires_ms`,
    [session.tokenHash, user.id, session.kind, session.lifeMs, session.provedMs ?? null],
  );
  await appendAudit(client, installationId, {
    actor: `user:${user.name}`,
    action: "sign_in",
    subject: user.name,
    detail: { ...detail, kind: session.kind },
  });
  return {
    user: { id: user.id, name: user.name, kind: user.kind, systemAdmin: user.system_admin },
    expiresMs: Math.round(made.rows[0]?.expires_ms ?? 0),
  };
}
