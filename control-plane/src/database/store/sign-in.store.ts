import { randomBytes } from "node:crypto";
import type pg from "pg";
import { uuidV7 } from "@capstan/proto";
import { installationId } from "../../audit/entry.ts";
import type { Flow, IdentifiedPerson, NewSession, OpenedSession, SignInStore } from "../../auth/sign-in.store.ts";
import { inTransaction } from "../pool.ts";
import { appendAudit } from "./audit-append.ts";
import { openSession, userColumns, type UserColumns } from "./open-session.ts";

export const newId = (): string => uuidV7(Date.now(), randomBytes(10));

/** Sign-in by an identity provider on PostgreSQL. */
export class PgSignInStore implements SignInStore {
  private readonly pool: pg.Pool;

  constructor(auth: pg.Pool) {
    this.pool = auth;
  }

  async openFlow(browserHash: Buffer, flow: Pick<Flow, "returnTo" | "fresh">, lifeMs: number): Promise<void> {
    await this.pool.query(
      `WITH swept AS (DELETE FROM sign_in_flows WHERE expires_at < clock_timestamp())
       INSERT INTO sign_in_flows (browser_sha256, return_to, fresh, expires_at)
       VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4::float8 / 1000))`,
      [browserHash, flow.returnTo, flow.fresh, lifeMs],
    );
  }

  async takeFlow(browserHash: Buffer): Promise<Flow | undefined> {
    const taken = await this.pool.query<{ return_to: string; fresh: boolean; live: boolean; started_ms: number }>(
      `DELETE FROM sign_in_flows WHERE browser_sha256 = $1
       RETURNING return_to, fresh, expires_at > clock_timestamp() AS live,
                 (extract(epoch FROM started_at) * 1000)::float8 AS started_ms`,
      [browserHash],
    );
    const row = taken.rows[0];
    return row?.live === true ? { returnTo: row.return_to, fresh: row.fresh, startedMs: row.started_ms } : undefined;
  }

  signInByIdentity(person: IdentifiedPerson, session: NewSession): Promise<OpenedSession | undefined> {
    return inTransaction(this.pool, async (client) => {
      // Two first sign-ins of one person at once make one user.
      await client.query("SELECT pg_advisory_xact_lock(hashtextextended('identity ' || $1 || ' ' || $2, 0))", [
        person.issuer,
        person.subject,
      ]);
      const user = (await findByIdentity(client, person)) ?? (await addPerson(client, person));
      if (user.disabled) {
        await appendAudit(client, installationId, {
          actor: `user:${user.name}`,
          action: "sign_in:refused",
          subject: user.name,
          detail: { by: "oidc", because: "disabled" },
        });
        return undefined;
      }
      const systemAdmin = person.systemAdmin ?? user.system_admin;
      if (systemAdmin !== user.system_admin)
        await client.query("UPDATE users SET system_admin = $2 WHERE id = $1", [user.id, systemAdmin]);
      await setGroupRoles(client, user, person.roles);
      return openSession(client, { ...user, system_admin: systemAdmin }, session, {
        by: "oidc",
        issuer: person.issuer,
      });
    });
  }
}

async function findByIdentity(client: pg.PoolClient, person: IdentifiedPerson): Promise<UserColumns | undefined> {
  const found = await client.query<UserColumns>(
    `SELECT ${userColumns} FROM user_identities i JOIN users u ON u.id = i.user_id WHERE i.issuer = $1 AND i.subject = $2`,
    [person.issuer, person.subject],
  );
  return found.rows[0];
}

/** A name says nothing about who somebody is: one that is taken gets a number, and never the other's user. */
async function addPerson(client: pg.PoolClient, person: IdentifiedPerson): Promise<UserColumns> {
  for (let number = 1; ; number++) {
    const name = number === 1 ? person.name : `${person.name}-${number}`;
    const made = await client.query<UserColumns>(
      `INSERT INTO users AS u (id, name, kind) VALUES ($1, $2, 'person') ON CONFLICT (name) DO NOTHING RETURNING ${userColumns}`,
      [newId(), name],
    );
    const user = made.rows[0];
    if (user === undefined) continue;
    await client.query("INSERT INTO user_identities (issuer, subject, user_id) VALUES ($1, $2, $3)", [
      person.issuer,
      person.subject,
      user.id,
    ]);
    await appendAudit(client, installationId, {
      actor: `user:${user.name}`,
      action: "users:write",
      subject: user.name,
      detail: { made: true, issuer: person.issuer, subject: person.subject },
    });
    return user;
  }
}

/** Brings the memberships that come from groups to what the groups say now. Those given by hand stay. */
async function setGroupRoles(
  client: pg.PoolClient,
  user: UserColumns,
  roles: ReadonlyMap<string, string>,
): Promise<void> {
  const before = await client.query<{ project_id: string; role: string }>(
    "SELECT project_id, role FROM members WHERE user_id = $1 AND from_groups ORDER BY project_id",
    [user.id],
  );
  if (roles.size === 0 && before.rows.length === 0) return;
  const set = await client.query<{ project_id: string; role: string }>(
    `INSERT INTO members AS m (project_id, user_id, role, from_groups)
     SELECT p.id, $1, r.role, true FROM unnest($2::text[], $3::text[]) AS r (project, role) JOIN projects p ON p.name = r.project
     ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role WHERE m.from_groups
     RETURNING project_id, role`,
    [user.id, [...roles.keys()], [...roles.values()]],
  );
  const kept = set.rows.map((row) => row.project_id);
  await client.query("DELETE FROM members WHERE user_id = $1 AND from_groups AND project_id <> ALL ($2::uuid[])", [
    user.id,
    kept,
  ]);
  const was = new Map(before.rows.map((row) => [row.project_id, row.role]));
  const now = new Map(set.rows.map((row) => [row.project_id, row.role]));
  // In one order everywhere, as each takes the lock of a project's chain.
  for (const projectId of [...new Set([...was.keys(), ...now.keys()])].toSorted()) {
    const role = now.get(projectId);
    if (role === was.get(projectId)) continue;
    await appendAudit(client, projectId, {
      actor: `user:${user.name}`,
      action: "members:write",
      subject: user.name,
      detail: { role: role ?? null, from: "groups" },
    });
  }
}
