import type { Role } from "@capstan/proto";
import type pg from "pg";
import { installationId } from "../../audit/entry.ts";
import type { ProjectRow } from "../../auth/auth.store.ts";
import type { CheckEdition } from "../../http/etag.ts";
import type { Once, OnceKey } from "../../http/once-key.ts";
import type { MemberChange, MemberRow, MemberStore } from "../../project/member.store.ts";
import { inTransaction, oneWriter } from "../pool.ts";
import { iso } from "./agent-rows.ts";
import { appendAudit } from "./audit-append.ts";
import { once } from "./once.ts";

const columns = `u.id AS "userId", u.name AS user, u.kind, m.role, u.disabled_at IS NOT NULL AS disabled,
  ${iso("m.created_at")} AS "createdAt"`;

/** Projects and members on PostgreSQL, by the role that alone may write who may do what. */
export class PgMemberStore implements MemberStore {
  private readonly pool: pg.Pool;

  constructor(auth: pg.Pool) {
    this.pool = auth;
  }

  createProject(
    project: { readonly id: string; readonly name: string; readonly poolId: string },
    by: { readonly userId: string; readonly actor: string; readonly isMember: boolean },
    key: OnceKey | undefined,
  ): Promise<Once<ProjectRow | undefined>> {
    return inTransaction(this.pool, (client) =>
      once(client, installationId, key, async () => {
        const made = await client.query<{ created_ms: number }>(
          `INSERT INTO projects (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING
           RETURNING (extract(epoch FROM created_at) * 1000)::float8 AS created_ms`,
          [project.id, project.name],
        );
        const row = made.rows[0];
        if (row === undefined) return undefined;
        await client.query("INSERT INTO pools (project_id, id, name) VALUES ($1, $2, 'default')", [
          project.id,
          project.poolId,
        ]);
        if (by.isMember) {
          await client.query("INSERT INTO members (project_id, user_id, role) VALUES ($1, $2, 'project_admin')", [
            project.id,
            by.userId,
          ]);
        }
        await appendAudit(client, project.id, {
          actor: by.actor,
          action: "projects:create",
          subject: project.name,
          detail: {},
        });
        return { id: project.id, name: project.name, createdMs: row.created_ms };
      }),
    );
  }

  async members(projectId: string): Promise<readonly MemberRow[]> {
    const { rows } = await this.pool.query<MemberRow & pg.QueryResultRow>(
      `SELECT ${columns} FROM members m JOIN users u ON u.id = m.user_id WHERE m.project_id = $1 ORDER BY u.name`,
      [projectId],
    );
    return rows;
  }

  /** Of members, and of those who may work in every project. */
  async names(projectId: string): Promise<ReadonlySet<string>> {
    const { rows } = await this.pool.query<{ name: string }>(
      `SELECT u.name FROM users u WHERE u.disabled_at IS NULL
          AND (u.system_admin OR EXISTS (SELECT 1 FROM members m WHERE m.project_id = $1 AND m.user_id = u.id))`,
      [projectId],
    );
    return new Set(rows.map(({ name }) => name));
  }

  async member(projectId: string, user: string): Promise<MemberRow | undefined> {
    const { rows } = await this.pool.query<MemberRow & pg.QueryResultRow>(
      `SELECT ${columns} FROM members m JOIN users u ON u.id = m.user_id WHERE m.project_id = $1 AND u.name = $2`,
      [projectId, user],
    );
    return rows[0];
  }

  setRole(
    projectId: string,
    { user, role }: { readonly user: string; readonly role: Role },
    actor: string,
    check: CheckEdition<MemberRow | undefined>,
  ): Promise<MemberChange> {
    return this.change(projectId, async (client): Promise<MemberChange> => {
      const found = await client.query<{ id: string }>("SELECT id FROM users WHERE name = $1 AND kind <> 'local'", [
        user,
      ]);
      const userId = found.rows[0]?.id;
      if (userId === undefined) return { kind: "no_user" };
      const current = await memberOf(client, projectId, userId);
      // A role of the identity provider's groups becomes one that was given here.
      if (current?.role === role && !current.fromGroups) return { kind: "changed", member: current };
      check(current);
      const before = current?.role;
      if (role !== "project_admin" && before === "project_admin" && (await isLastAdmin(client, projectId)))
        return { kind: "last_admin" };
      await client.query(
        `INSERT INTO members (project_id, user_id, role) VALUES ($1, $2, $3)
         ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role, from_groups = false`,
        [projectId, userId, role],
      );
      const detail = { role, ...(before === undefined ? {} : { before }) };
      await appendAudit(client, projectId, { actor, action: "members:write", subject: user, detail });
      return { kind: "changed", member: await writtenMember(client, projectId, userId) };
    });
  }

  remove(projectId: string, user: string, actor: string, check: CheckEdition<MemberRow>): Promise<MemberChange> {
    return this.change(projectId, async (client): Promise<MemberChange> => {
      const found = await client.query<{ id: string }>("SELECT id FROM users WHERE name = $1", [user]);
      const userId = found.rows[0]?.id;
      const member = userId === undefined ? undefined : await memberOf(client, projectId, userId);
      if (userId === undefined || member === undefined) return { kind: "no_user" };
      check(member);
      if (member.role === "project_admin" && (await isLastAdmin(client, projectId))) return { kind: "last_admin" };
      await client.query("DELETE FROM members WHERE project_id = $1 AND user_id = $2", [projectId, userId]);
      await client.query(
        `UPDATE api_tokens SET revoked_at = clock_timestamp()
          WHERE project_id = $1 AND user_id = $2 AND revoked_at IS NULL`,
        [projectId, userId],
      );
      const detail = { removed: true, before: member.role };
      await appendAudit(client, projectId, { actor, action: "members:write", subject: user, detail });
      return { kind: "changed", member };
    });
  }

  createService(
    projectId: string,
    account: { readonly userId: string; readonly name: string; readonly role: Role },
    actor: string,
    key: OnceKey | undefined,
  ): Promise<Once<MemberRow | undefined>> {
    return inTransaction(this.pool, (client) =>
      once(client, projectId, key, async () => {
        const made = await client.query(
          "INSERT INTO users (id, name, kind) VALUES ($1, $2, 'service') ON CONFLICT (name) DO NOTHING",
          [account.userId, account.name],
        );
        if (made.rowCount === 0) return undefined;
        await client.query("INSERT INTO members (project_id, user_id, role) VALUES ($1, $2, $3)", [
          projectId,
          account.userId,
          account.role,
        ]);
        const detail = { role: account.role, service: true };
        await appendAudit(client, projectId, { actor, action: "members:write", subject: account.name, detail });
        return writtenMember(client, projectId, account.userId);
      }),
    );
  }

  /** One change of the members of a project at a time: who is the last admin depends on all of them. */
  private change(projectId: string, work: (client: pg.PoolClient) => Promise<MemberChange>): Promise<MemberChange> {
    return inTransaction(this.pool, async (client) => {
      await oneWriter(client, `members ${projectId}`);
      return work(client);
    });
  }
}

async function isLastAdmin(client: pg.PoolClient, projectId: string): Promise<boolean> {
  const { rows } = await client.query<{ admins: number }>(
    "SELECT count(*)::int AS admins FROM members WHERE project_id = $1 AND role = 'project_admin'",
    [projectId],
  );
  return (rows[0]?.admins ?? 0) <= 1;
}

type FoundMember = MemberRow & { readonly fromGroups: boolean };

/** Locked against whoever else would change it, the identity provider's groups included. */
async function memberOf(client: pg.PoolClient, projectId: string, userId: string): Promise<FoundMember | undefined> {
  const { rows } = await client.query<FoundMember & pg.QueryResultRow>(
    `SELECT ${columns}, m.from_groups AS "fromGroups" FROM members m JOIN users u ON u.id = m.user_id
      WHERE m.project_id = $1 AND m.user_id = $2 FOR UPDATE OF m`,
    [projectId, userId],
  );
  return rows[0];
}

async function writtenMember(client: pg.PoolClient, projectId: string, userId: string): Promise<MemberRow> {
  const member = await memberOf(client, projectId, userId);
  if (member === undefined) throw new Error("a member that was just written is not there");
  return member;
}
