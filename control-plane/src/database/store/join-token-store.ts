// Join tokens in PostgreSQL, as people make, see and take them back.
import type pg from "pg";
import { Raw } from "typeorm";
import type { JoinTokenView } from "@capstan/proto";
import type { JoinTokenStore, NewJoinToken } from "../../agent/join-token.store.ts";
import type { Once, OnceKey } from "../../http/once-key.ts";
import type { ColdReads } from "../cold-reads.ts";
import { JoinTokenEntity } from "../entity/join-token.entity.ts";
import { PoolEntity } from "../entity/pool.entity.ts";
import { withProject } from "../pool.ts";
import { tokenColumns, tokenView, type TokenColumns } from "./agent-rows.ts";
import { appendAudit } from "./audit-append.ts";
import { once } from "./once.ts";

export class PgJoinTokenStore implements JoinTokenStore {
  private readonly api: pg.Pool;
  private readonly cold: ColdReads;

  constructor(api: pg.Pool, cold: ColdReads) {
    this.api = api;
    this.cold = cold;
  }

  create(
    projectId: string,
    token: NewJoinToken,
    key: OnceKey | undefined,
  ): Promise<Once<JoinTokenView | "taken_back" | "no_pool">> {
    return withProject(this.api, projectId, async (client) => {
      // Kept for the key: the id alone. The rest may change, and the secret follows from it.
      const made = await once(client, projectId, key, async () => {
        const isMade = await insertToken(client, projectId, token);
        if (!isMade) return undefined;
        const detail = { pool: token.pool, uses: token.usesMax, approve: token.approve };
        const { createdBy: actor, publicId: subject } = token;
        await appendAudit(client, projectId, { actor, action: "agents:enrol", subject, detail });
        return { joinToken: token.publicId };
      });
      if (made.value === undefined) return { value: "no_pool", isReplayed: false };
      const { rows } = await client.query<TokenColumns>(
        `SELECT ${tokenColumns} FROM join_tokens t JOIN pools p ON p.project_id = t.project_id AND p.id = t.pool_id
          WHERE t.project_id = $1 AND t.public_id = $2`,
        [projectId, made.value.joinToken],
      );
      return { value: rows[0] === undefined ? "taken_back" : tokenView(rows[0]), isReplayed: made.isReplayed };
    });
  }

  async list(projectId: string, pool: string): Promise<JoinTokenView[] | undefined> {
    return this.cold.within(projectId, async (manager) => {
      const found = await manager.findOneBy(PoolEntity, { projectId, name: pool });
      if (found === null) return undefined;
      const tokens = await manager.find(JoinTokenEntity, {
        where: {
          projectId,
          poolId: found.id,
          uses: Raw((uses) => `${uses} < uses_max`),
          expiresAt: Raw((expires) => `${expires} > clock_timestamp()`),
        },
        order: { id: "ASC" },
      });
      return tokens.map((token) => ({
        id: token.publicId,
        pool,
        uses: token.uses,
        usesMax: token.usesMax,
        labels: token.labels as Record<string, string>, // as createToken wrote them
        approve: token.approve,
        expiresAt: token.expiresAt.toISOString(),
        createdBy: token.createdBy,
        createdAt: token.createdAt.toISOString(),
      }));
    });
  }

  remove(projectId: string, pool: string, publicId: string, actor: string): Promise<boolean> {
    return withProject(this.api, projectId, async (client) => {
      const { rowCount } = await client.query(
        `DELETE FROM join_tokens t USING pools p
          WHERE t.project_id = $1 AND p.project_id = t.project_id AND p.id = t.pool_id AND p.name = $2 AND t.public_id = $3`,
        [projectId, pool, publicId],
      );
      if (rowCount !== 1) return false;
      const detail = { pool, deleted: true };
      await appendAudit(client, projectId, { actor, action: "agents:enrol", subject: publicId, detail });
      return true;
    });
  }
}

/** False where there is no such pool. */
async function insertToken(client: pg.PoolClient, projectId: string, token: NewJoinToken): Promise<boolean> {
  const { rowCount } = await client.query(
    `INSERT INTO join_tokens (project_id, id, public_id, pool_id, mac_key_encrypted, uses_max, labels, cidr, approve, expires_at, created_by)
     SELECT $1, $3, $4, p.id, $5, $6, $7, $8, $9, clock_timestamp() + $10 * interval '1 millisecond', $11
       FROM pools p WHERE p.project_id = $1 AND p.name = $2`,
    [
      projectId,
      token.pool,
      token.id,
      token.publicId,
      token.sealedKey,
      token.usesMax,
      JSON.stringify(token.labels),
      token.cidr ?? null,
      token.approve,
      token.expiresInMs,
      token.createdBy,
    ],
  );
  return rowCount === 1;
}
