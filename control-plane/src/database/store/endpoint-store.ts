// Endpoints in PostgreSQL. What is sent to them is found by the loops of all replicas; their secrets only by requests' role.
import { isDeepStrictEqual } from "node:util";
import type { ChangeEndpointBody, EndpointEvent, EndpointFormat, JsonObject, JsonValue } from "@capstan/proto";
import type pg from "pg";
import type {
  ClaimedMessage,
  ClaimRoom,
  EndpointRecord,
  EndpointStore,
  MessageRecord,
  NewEndpoint,
  NewSecret,
  Try,
  TryOutcome,
} from "../../endpoint/endpoint.store.ts";
import type { CheckEdition } from "../../http/etag.ts";
import type { Once, OnceKey } from "../../http/once-key.ts";
import { withProject } from "../pool.ts";
import { statement } from "../sql.ts";
import { iso } from "./agent-rows.ts";
import { appendAudit } from "./audit-append.ts";
import { once } from "./once.ts";
import { listenToLog } from "./trigger-sync.ts";

interface EndpointRow {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly types: EndpointEvent[];
  readonly workflows: string[] | null;
  readonly format: EndpointFormat;
  readonly reason: string | null;
  readonly failing: boolean;
  readonly created: string;
  readonly created_by: string;
}
interface MessageRow {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly created: string;
  readonly outcome: "delivered" | "failed" | null;
  readonly attempts: number;
  readonly next: string;
  readonly tries: Try[];
}

/** After so long without a success an endpoint is switched off. */
const failingMax = "5 days";

const columns = `id, url, description, types, workflows, format, disabled ->> 'reason' AS reason, failing_since IS NOT NULL AS failing,
  ${iso("created_at")} AS created, created_by`;
const endpointOf = (row: EndpointRow): EndpointRecord => ({
  id: row.id,
  url: row.url,
  description: row.description,
  types: row.types,
  workflows: row.workflows ?? undefined,
  format: row.format,
  disabledReason: row.reason ?? undefined,
  isFailing: row.failing,
  createdAt: row.created,
  createdBy: row.created_by,
});

export class PgEndpointStore implements EndpointStore {
  private readonly api: pg.Pool;
  private readonly engine: pg.Pool;

  constructor(api: pg.Pool, engine: pg.Pool) {
    this.api = api;
    this.engine = engine;
  }

  list(projectId: string, id?: string): Promise<readonly EndpointRecord[]> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<EndpointRow>(
        `SELECT ${columns} FROM endpoints WHERE project_id = $1 AND ($2::uuid IS NULL OR id = $2) ORDER BY id`,
        [projectId, id ?? null],
      );
      return rows.map(endpointOf);
    });
  }

  create(
    projectId: string,
    endpoint: NewEndpoint,
    key: OnceKey | undefined,
  ): Promise<Once<{ id: string; secretId: string }>> {
    return withProject(this.api, projectId, (client) =>
      once(client, projectId, key, async () => {
        const { id, url, description, types, workflows, format, actor, secret } = endpoint;
        await listenToLog(client);
        await client.query(
          `INSERT INTO endpoints (project_id, id, url, description, types, workflows, format, created_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
          [projectId, id, url, description, [...types], workflows === undefined ? null : [...workflows], format, actor],
        );
        await addSecret(client, projectId, id, secret);
        const detail = { created: true, host: new URL(url).host, types: [...types] };
        await appendAudit(client, projectId, { actor, action: "webhooks:write", subject: id, detail });
        return { id, secretId: secret.id };
      }),
    );
  }

  change(
    projectId: string,
    id: string,
    { body, actor }: { readonly body: ChangeEndpointBody; readonly actor: string },
    check: CheckEdition<EndpointRecord>,
  ): Promise<EndpointRecord | undefined> {
    return withProject(this.api, projectId, async (client) => {
      // Before the row, as a start of listening takes them: two who wait for each other would wait for ever.
      if (body.enabled === true) await listenToLog(client);
      const current = await locked(client, projectId, id);
      if (current === undefined) return undefined;
      const { enabled = current.disabledReason === undefined, ...given } = body;
      const wanted = {
        url: given.url ?? current.url,
        description: given.description ?? current.description,
        types: given.types === undefined ? current.types : [...new Set(given.types)],
        workflows: given.workflows === undefined ? current.workflows : (given.workflows ?? undefined),
        format: given.format ?? current.format,
      };
      const { url, description, types, workflows, format } = current;
      const isSame = isDeepStrictEqual(wanted, { url, description, types, workflows, format });
      if (isSame && enabled === (current.disabledReason === undefined)) return current;
      check(current);
      await client.query(
        `UPDATE endpoints SET url = $3, description = $4, types = $5, workflows = $6, format = $7,
           failing_since = CASE WHEN $8 AND disabled IS NOT NULL OR url <> $3 THEN NULL ELSE failing_since END,
           disabled = CASE WHEN NOT $8 THEN coalesce(disabled, jsonb_build_object('actor', $9::text, 'reason', 'switched off by ' || $9)) END
          WHERE project_id = $1 AND id = $2`,
        [
          projectId,
          id,
          wanted.url,
          wanted.description,
          wanted.types,
          wanted.workflows ?? null,
          wanted.format,
          enabled,
          actor,
        ],
      );
      const detail = {
        host: new URL(wanted.url).host,
        types: [...wanted.types],
        enabled,
        changed: Object.keys(body).toSorted(),
      };
      await appendAudit(client, projectId, { actor, action: "webhooks:write", subject: id, detail });
      return locked(client, projectId, id);
    });
  }

  remove(projectId: string, id: string, actor: string, check: CheckEdition<EndpointRecord>): Promise<boolean> {
    return withProject(this.api, projectId, async (client) => {
      const current = await locked(client, projectId, id);
      if (current === undefined) return false;
      check(current);
      await client.query("DELETE FROM endpoints WHERE project_id = $1 AND id = $2", [projectId, id]);
      await appendAudit(client, projectId, { actor, action: "webhooks:write", subject: id, detail: { removed: true } });
      return true;
    });
  }

  rotate(
    projectId: string,
    id: string,
    made: NewSecret & { readonly overlapMs: number; readonly actor: string },
    key: OnceKey | undefined,
  ): Promise<Once<{ secretId: string }> | undefined> {
    return withProject(this.api, projectId, async (client) => {
      const found = await client.query("SELECT 1 FROM endpoints WHERE project_id = $1 AND id = $2 FOR UPDATE", [
        projectId,
        id,
      ]);
      if (found.rowCount === 0) return undefined;
      return once(client, projectId, key, async () => {
        const where = "project_id = $1 AND endpoint_id = $2";
        await client.query(`DELETE FROM endpoint_secrets WHERE ${where} AND expires_at <= clock_timestamp()`, [
          projectId,
          id,
        ]);
        await client.query(
          `UPDATE endpoint_secrets SET expires_at = least(expires_at, clock_timestamp() + $3::float8 * interval '1 millisecond') WHERE ${where}`,
          [projectId, id, made.overlapMs],
        );
        await addSecret(client, projectId, id, made);
        const detail = { rotated: made.id, overlapMs: made.overlapMs };
        await appendAudit(client, projectId, { actor: made.actor, action: "webhooks:write", subject: id, detail });
        return { secretId: made.id };
      });
    });
  }

  secrets(projectId: string, endpointId: string): Promise<readonly NewSecret[]> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<{ id: string; sealed: Buffer }>(
        `SELECT id, sealed FROM endpoint_secrets WHERE project_id = $1 AND endpoint_id = $2
            AND (expires_at IS NULL OR expires_at > clock_timestamp()) ORDER BY created_at DESC LIMIT 10`,
        [projectId, endpointId],
      );
      return rows;
    });
  }

  enable(projectId: string, id: string, actor: string): Promise<boolean> {
    return withProject(this.api, projectId, async (client) => {
      await listenToLog(client);
      const found = await client.query<{ disabled: unknown }>(
        "SELECT disabled FROM endpoints WHERE project_id = $1 AND id = $2 FOR UPDATE",
        [projectId, id],
      );
      const [row] = found.rows;
      if (row === undefined) return false;
      if (row.disabled === null) return true;
      await client.query(
        "UPDATE endpoints SET disabled = NULL, failing_since = NULL WHERE project_id = $1 AND id = $2",
        [projectId, id],
      );
      await appendAudit(client, projectId, {
        actor,
        action: "webhooks:write",
        subject: id,
        detail: { disabled: false },
      });
      return true;
    });
  }

  messages(projectId: string, endpointId: string, limit: number, id?: string): Promise<readonly MessageRecord[]> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<MessageRow>(
        `SELECT id, type, subject, ${iso("created_at")} AS created, outcome, attempts, ${iso("next_at")} AS next, tries
           FROM endpoint_deliveries WHERE project_id = $1 AND endpoint_id = $2 AND ($3::uuid IS NULL OR id = $3)
          ORDER BY seq DESC LIMIT $4`,
        [projectId, endpointId, id ?? null, limit],
      );
      return rows.map(({ created, outcome, next, ...row }) => ({
        ...row,
        createdAt: created,
        outcome: outcome ?? undefined,
        nextAt: next,
      }));
    });
  }

  add(
    projectId: string,
    { id, endpointId, type, payload }: { id: string; endpointId: string; type: string; payload: JsonValue },
  ): Promise<void> {
    return withProject(this.api, projectId, async (client) => {
      await client.query(
        `INSERT INTO endpoint_deliveries (project_id, id, endpoint_id, type, subject, payload) VALUES ($1, $2, $3, $4, $5, $6)`,
        [projectId, id, endpointId, type, type, JSON.stringify(payload)],
      );
    });
  }

  replay(projectId: string, endpointId: string, id: string, actor: string): Promise<boolean> {
    return withProject(this.api, projectId, async (client) => {
      const changed = await client.query(
        `UPDATE endpoint_deliveries SET outcome = NULL, attempts = 0, next_at = clock_timestamp()
          WHERE project_id = $1 AND endpoint_id = $2 AND id = $3`,
        [projectId, endpointId, id],
      );
      if (changed.rowCount === 0) return false;
      await appendAudit(client, projectId, {
        actor,
        action: "webhooks:write",
        subject: endpointId,
        detail: { replayed: id },
      });
      return true;
    });
  }

  async claim({ limit, ofOne, except }: ClaimRoom): Promise<readonly ClaimedMessage[]> {
    const { rows } = await this.engine.query<{
      project_id: string;
      id: string;
      endpoint_id: string;
      url: string;
      format: EndpointFormat;
      subject: string;
      payload: JsonObject;
      attempts: number;
    }>(statement("claim-messages", [limit, ofOne, [...except]]));
    return rows.map((row) => ({
      projectId: row.project_id,
      id: row.id,
      endpointId: row.endpoint_id,
      url: row.url,
      format: row.format,
      subject: row.subject,
      payload: row.payload,
      attempt: row.attempts,
    }));
  }

  async settle({ projectId, id, endpointId }: ClaimedMessage, tried: Try, outcome: TryOutcome): Promise<void> {
    await this.engine.query(
      `UPDATE endpoint_deliveries SET tries = tries || $3::jsonb, outcome = $4,
              next_at = clock_timestamp() + $5::float8 * interval '1 millisecond'
        WHERE project_id = $1 AND id = $2 AND outcome IS NULL`,
      [
        projectId,
        id,
        JSON.stringify([tried]),
        outcome.kind === "again" ? null : outcome.kind,
        outcome.kind === "again" ? outcome.afterMs : 0,
      ],
    );
    const isGone = outcome.kind === "failed" && outcome.disable !== undefined;
    await this.engine.query(
      outcome.kind === "delivered"
        ? "UPDATE endpoints SET failing_since = NULL WHERE project_id = $1 AND id = $2 AND failing_since IS NOT NULL"
        : `UPDATE endpoints SET failing_since = coalesce(failing_since, clock_timestamp()),
             disabled = CASE WHEN $3 OR failing_since < clock_timestamp() - interval '${failingMax}'
               THEN coalesce(disabled, jsonb_build_object('actor', 'capstan', 'reason', $4::text)) ELSE disabled END
           WHERE project_id = $1 AND id = $2`,
      outcome.kind === "delivered"
        ? [projectId, endpointId]
        : [projectId, endpointId, isGone, isGone ? outcome.disable : `no delivery has succeeded for ${failingMax}`],
    );
  }
}

async function locked(client: pg.PoolClient, projectId: string, id: string): Promise<EndpointRecord | undefined> {
  const text = `SELECT ${columns} FROM endpoints WHERE project_id = $1 AND id = $2 FOR UPDATE`;
  const { rows } = await client.query<EndpointRow>(text, [projectId, id]);
  return rows[0] && endpointOf(rows[0]);
}

async function addSecret(
  client: pg.PoolClient,
  projectId: string,
  endpointId: string,
  { id, sealed }: NewSecret,
): Promise<void> {
  await client.query("INSERT INTO endpoint_secrets (project_id, endpoint_id, id, sealed) VALUES ($1, $2, $3, $4)", [
    projectId,
    endpointId,
    id,
    sealed,
  ]);
}
