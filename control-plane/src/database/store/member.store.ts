import type { Role } from "@capstan/proto";
import type pg from "pg";
import { installationId } from "../../audit/entry.ts";
import type { ProjectRow } from "../../auth/auth.store.ts";
import type { Once, OnceKey } from "../../http/once-key.ts";
import type { MemberChange, MemberRow, MemberStore } from "../../project/member.store.ts";
import { inTransaction } from "../pool.ts";
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

  setRole(projectId: string, user: string, role: Role, actor: string): Promise<MemberChange> {
    return this.change(projectId, async (client): Promise<MemberChange> => {
      const found = await client.query<{ id: string }>("SELECT id FROM users WHERE name = $1 AND kind <> 'local'", [
        user,
      ]);
      const userId = found.rows[0]?.id;
      if (userId === undefined) return { kind: "no_user" };
      const before = await roleOf(client, projectId, userId);
      if (role !== "project_admin" && before === "project_admin" && (await isLastAdmin(client, projectId)))
        return { kind: "last_admin" };
      await client.query(
        `INSERT INTO members (project_id, user_id, role) VALUES ($1, $2, $3)
         ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role, from_groups = false`,
        [projectId, userId, role],
      );
      const detail = { role, ...(before === undefined ? {} : { before }) };
      await appendAudit(client, projectId, { actor, action: "members:write", subject: user, detail });
      return { kind: "changed", member: await memberOf(client, projectId, userId) };
    });
  }

  remove(projectId: string, user: string, actor: string): Promise<MemberChange> {
    return this.change(projectId, async (client): Promise<MemberChange> => {
      const found = await client.query<{ id: string }>(
        "SELECT u.id FROM users u JOIN members m ON m.user_id = u.id WHERE u.name = $1 AND m.project_id = $2",
        [user, projectId],
      );
      const userId = found.rows[0]?.id;
      if (userId === undefined) return { kind: "no_user" };
      const member = await memberOf(client, projectId, userId);
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
        return memberOf(client, projectId, account.userId);
      }),
    );
  }

  /** One change of the members of a project at a time: who is the last admin depends on all of them. */
  private change(projectId: string, work: (client: pg.PoolClient) => Promise<MemberChange>): Promise<MemberChange> {
    return inTransaction(this.pool, async (client) => {
      await client.query("SELECT pg_advisory_xact_lock(hashtextextended('members ' || $1, 0))", [projectId]);
      return work(client);
    });
  }
}

async function roleOf(client: pg.PoolClient, projectId: string, userId: string): Promise<string | undefined> {
  const { rows } = await client.query<{ role: string }>(
    "SELECT role FROM members WHERE project_id = $1 AND user_id = $2",
    [projectId, userId],
  );
  return rows[0]?.role;
}

async function isLastAdmin(client: pg.PoolClient, projectId: string): Promise<boolean> {
  const { rows } = await client.query<{ admins: number }>(
    "SELECT count(*)::int AS admins FROM members WHERE project_id = $1 AND role = 'project_admin'",
    [projectId],
  );
  return (rows[0]?.admins ?? 0) <= 1;
}

async function memberOf(client: pg.PoolClient, projectId: string, userId: string): Promise<MemberRow> {
  const { rows } = await client.query<MemberRow & pg.QueryResultRow>(
    `SELECT ${columns} FROM members m JOIN users u ON u.id = m.user_id WHERE m.project_id = $1 AND m.user_id = $2`,
    [projectId, userId],
  );
  const [row] = rows;
  if (row === undefined) throw new Error("a member that was just written is not there");
  return row;
}
