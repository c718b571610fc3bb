import type pg from "pg";
import type { ApiTokenStore, NewToken, TokenRow } from "../../auth/api-token.store.ts";
import type { Once, OnceKey } from "../../http/once-key.ts";
import { withProject } from "../pool.ts";
import { iso } from "./agent-rows.ts";
import { appendAudit } from "./audit-append.ts";
import { once } from "./once.ts";

const columns = `t.id, t.name, u.name AS user, p.name AS project, t.scopes, t.created_by AS "createdBy",
  ${iso("t.created_at")} AS "createdAt", ${iso("t.expires_at")} AS "expiresAt", ${iso("t.last_used_at")} AS "lastUsedAt"`;
const isGood = "t.expires_at > clock_timestamp() AND t.revoked_at IS NULL";

/** API tokens on PostgreSQL. Names of users are read by the role of the guard, which alone may. */
export class PgApiTokenStore implements ApiTokenStore {
  private readonly api: pg.Pool;
  private readonly auth: pg.Pool;

  constructor(api: pg.Pool, auth: pg.Pool) {
    this.api = api;
    this.auth = auth;
  }

  async create(projectId: string, token: NewToken, key: OnceKey | undefined): Promise<Once<TokenRow>> {
    const made = await withProject(this.api, projectId, (client) =>
      once(client, projectId, key, async () => {
        await client.query(
          `INSERT INTO api_tokens (project_id, id, token_sha256, user_id, name, scopes, created_by, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + make_interval(secs => $8::float8 / 1000))`,
          [
            projectId,
            token.id,
            token.sha256,
            token.userId,
            token.name,
            [...token.scopes],
            token.createdBy,
            token.lifeMs,
          ],
        );
        await appendAudit(client, projectId, {
          actor: token.createdBy,
          action: "tokens:create",
          subject: token.id,
          detail: { name: token.name, scopes: [...token.scopes], lifeMs: token.lifeMs, holder: token.userId },
        });
        return { id: token.id };
      }),
    );
    const { rows } = await this.auth.query<TokenRow & pg.QueryResultRow>(
      `SELECT ${columns} FROM api_tokens t JOIN users u ON u.id = t.user_id JOIN projects p ON p.id = t.project_id
        WHERE t.project_id = $1 AND t.id = $2`,
      [projectId, made.value.id],
    );
    const [row] = rows;
    if (row === undefined) throw new Error("a token that was just written is not there");
    return { value: row, isReplayed: made.isReplayed };
  }

  ofProject(projectId: string): Promise<readonly TokenRow[]> {
    return this.good("t.project_id = $1", [projectId]);
  }

  ofUser(projectIds: readonly string[], userId: string): Promise<readonly TokenRow[]> {
    return this.good("t.project_id = ANY ($1) AND t.user_id = $2", [[...projectIds], userId]);
  }

  revoke(projectId: string, id: string, actor: string, userId?: string): Promise<boolean> {
    return withProject(this.api, projectId, async (client) => {
      const revoked = await client.query(
        `UPDATE api_tokens t SET revoked_at = clock_timestamp()
          WHERE t.project_id = $1 AND t.id = $2 AND ($3::uuid IS NULL OR t.user_id = $3) AND ${isGood}`,
        [projectId, id, userId ?? null],
      );
      if (revoked.rowCount === 0) return false;
      await appendAudit(client, projectId, { actor, action: "tokens:revoke", subject: id, detail: {} });
      return true;
    });
  }

  async serviceAccount(projectId: string, name: string): Promise<{ readonly userId: string } | undefined> {
    const { rows } = await this.auth.query<{ userId: string }>(
      `SELECT u.id AS "userId" FROM users u JOIN members m ON m.user_id = u.id
        WHERE m.project_id = $1 AND u.name = $2 AND u.kind = 'service' AND u.disabled_at IS NULL`,
      [projectId, name],
    );
    return rows[0];
  }

  private async good(condition: string, values: readonly unknown[]): Promise<readonly TokenRow[]> {
    const { rows } = await this.auth.query<TokenRow & pg.QueryResultRow>(
      `SELECT ${columns} FROM api_tokens t JOIN users u ON u.id = t.user_id JOIN projects p ON p.id = t.project_id
        WHERE ${condition} AND ${isGood} ORDER BY t.created_at DESC, t.id LIMIT 1000`,
      [...values],
    );
    return rows;
  }
}
