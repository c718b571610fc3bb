// Webhooks in PostgreSQL: their secrets, and every delivery of every trigger.
import type { DeliveryOutcome, JsonObject, ListeningKind } from "@capstan/proto";
import type pg from "pg";
import type { Once, OnceKey } from "../../http/once-key.ts";
import type {
  DeliveryContent,
  DeliveryRecord,
  FoundHook,
  NewDelivery,
  Recorded,
  SecretRecord,
  TriggerName,
  TriggerRecord,
  WebhookStore,
} from "../../webhook/webhook.store.ts";
import { withProject } from "../pool.ts";
import { iso } from "./agent-rows.ts";
import { appendAudit } from "./audit-append.ts";
import { once } from "./once.ts";

interface HookRow {
  readonly workflow_id: string;
  readonly digest: string;
  readonly spec: string;
  readonly enabled: boolean;
  readonly disabled: boolean;
}
interface TriggerRow {
  readonly workflow_id: string;
  readonly workflow: string;
  readonly trigger_id: string;
  readonly kind: ListeningKind;
  readonly listens_to: string | null;
  readonly digest: string;
  readonly spec: string;
  readonly enabled: boolean;
  readonly disabled: TriggerRecord["disabled"] | null;
  readonly workflow_paused: boolean;
  readonly last_delivery: string | null;
}
interface DeliveryRow {
  readonly id: string;
  readonly workflow_id: string;
  readonly workflow: string;
  readonly trigger_id: string;
  readonly kind: ListeningKind;
  readonly received: string;
  readonly outcome: DeliveryOutcome;
  readonly detail: string | null;
  readonly run_id: string | null;
  readonly run: string | null;
  readonly verification: string | null;
  readonly body_bytes: number | null;
  readonly replay_of: string | null;
}

// A delivery that asked for a run says nothing of it: the run is there, or the row that stands for its start.
const outcome = `coalesce(d.outcome, CASE WHEN r.id IS NULL THEN 'pending' ELSE 'started' END)`;
const deliveryColumns = `d.id, d.workflow_id, w.name AS workflow, d.trigger_id, d.kind, ${iso("d.received_at")} AS received,
  ${outcome} AS outcome, d.detail, d.run_id, r.workflow_name || '-' || r.number AS run, d.verification,
  length(d.body) AS body_bytes, d.replay_of`;
const fromDeliveries = `FROM trigger_deliveries d JOIN workflows w ON w.project_id = d.project_id AND w.id = d.workflow_id
  LEFT JOIN runs r ON r.project_id = d.project_id AND r.id = d.run_id`;

const deliveryOf = (row: DeliveryRow): DeliveryRecord => ({
  id: row.id,
  workflowId: row.workflow_id,
  workflow: row.workflow,
  trigger: row.trigger_id,
  kind: row.kind,
  receivedAt: row.received,
  outcome: row.outcome,
  detail: row.detail ?? undefined,
  runId: row.run_id ?? undefined,
  run: row.run ?? undefined,
  verification: row.verification ?? undefined,
  bodyBytes: row.body_bytes ?? undefined,
  replayOf: row.replay_of ?? undefined,
});

export class PgWebhookStore implements WebhookStore {
  private readonly api: pg.Pool;

  constructor(api: pg.Pool) {
    this.api = api;
  }

  async find(project: string, workflow: string, trigger: string): Promise<FoundHook | undefined> {
    const projects = await this.api.query<{ id: string }>("SELECT id FROM projects WHERE name = $1", [project]);
    const projectId = projects.rows[0]?.id;
    if (projectId === undefined) return undefined;
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<HookRow>(
        `SELECT t.workflow_id, t.digest, t.spec, t.enabled, t.disabled IS NOT NULL AS disabled
           FROM workflow_triggers t JOIN workflows w ON w.project_id = t.project_id AND w.id = t.workflow_id
          WHERE t.project_id = $1 AND w.name = $2 AND t.trigger_id = $3 AND t.kind = 'webhook' AND w.retired_at IS NULL`,
        [projectId, workflow, trigger],
      );
      const [row] = rows;
      if (row === undefined) return undefined;
      const secrets = await client.query<{ id: string; sealed: Buffer }>(
        `SELECT id, sealed FROM webhook_secrets WHERE project_id = $1 AND workflow_id = $2 AND trigger_id = $3
            AND (expires_at IS NULL OR expires_at > clock_timestamp()) ORDER BY created_at DESC LIMIT 10`,
        [projectId, row.workflow_id, trigger],
      );
      return {
        projectId,
        project,
        workflowId: row.workflow_id,
        workflow,
        trigger,
        digest: row.digest,
        spec: row.spec,
        isEnabled: row.enabled,
        isDisabled: row.disabled,
        secrets: secrets.rows,
      };
    });
  }

  record(projectId: string, delivery: NewDelivery): Promise<Recorded> {
    return withProject(this.api, projectId, async (client) => {
      // What was the same may be refused between the two statements, and may come again then.
      for (let tries = 1; ; tries++) {
        if (await insertDelivery(client, projectId, delivery)) break;
        const { rows } = await client.query<DeliveryRow>(
          `SELECT ${deliveryColumns} ${fromDeliveries}
            WHERE d.project_id = $1 AND d.workflow_id = $2 AND d.trigger_id = $3 AND d.dedupe = $4`,
          [projectId, delivery.workflowId, delivery.trigger, delivery.dedupe],
        );
        const [row] = rows;
        if (row !== undefined) return { kind: "repeat", delivery: deliveryOf(row) };
        if (tries === 5) throw new Error("a delivery is neither there nor can it be written");
      }
      const { id, runId } = delivery;
      if (runId !== undefined) {
        // Due a little later, so that the replica which took the request starts it.
        await client.query(
          `INSERT INTO timers (project_id, run_id, position, kind, due_at, body)
           VALUES ($1, $2, -1, 'trigger_start', clock_timestamp() + interval '3 seconds', jsonb_build_object('delivery', $3::text))`,
          [projectId, runId, id],
        );
      }
      return { kind: "new" };
    });
  }

  triggers(projectId: string, only?: TriggerName): Promise<readonly TriggerRecord[]> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<TriggerRow>(
        `SELECT t.workflow_id, w.name AS workflow, t.trigger_id, t.kind, t.listens_to, t.digest, t.spec, t.enabled, t.disabled,
                w.pause IS NOT NULL AS workflow_paused,
                (SELECT ${iso("max(d.received_at)")} FROM trigger_deliveries d WHERE d.project_id = t.project_id
                   AND d.workflow_id = t.workflow_id AND d.trigger_id = t.trigger_id) AS last_delivery
           FROM workflow_triggers t JOIN workflows w ON w.project_id = t.project_id AND w.id = t.workflow_id
          WHERE t.project_id = $1 AND w.retired_at IS NULL
            AND ($2::text IS NULL OR w.name = $2) AND ($3::text IS NULL OR t.trigger_id = $3)
          ORDER BY w.name, t.trigger_id`,
        [projectId, only?.workflow ?? null, only?.trigger ?? null],
      );
      return rows.map((row) => ({
        workflowId: row.workflow_id,
        workflow: row.workflow,
        trigger: row.trigger_id,
        kind: row.kind,
        listensTo: row.listens_to ?? undefined,
        digest: row.digest,
        spec: row.spec,
        isEnabled: row.enabled,
        disabled: row.disabled ?? undefined,
        isWorkflowPaused: row.workflow_paused,
        lastDelivery: row.last_delivery ?? undefined,
      }));
    });
  }

  secrets(projectId: string, { workflow, trigger }: TriggerName): Promise<readonly SecretRecord[]> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<{ id: string; created: string; created_by: string; expires: string | null }>(
        `SELECT s.id, ${iso("s.created_at")} AS created, s.created_by, ${iso("s.expires_at")} AS expires
           FROM webhook_secrets s JOIN workflows w ON w.project_id = s.project_id AND w.id = s.workflow_id
          WHERE s.project_id = $1 AND w.name = $2 AND s.trigger_id = $3
            AND (s.expires_at IS NULL OR s.expires_at > clock_timestamp()) ORDER BY s.created_at DESC`,
        [projectId, workflow, trigger],
      );
      return rows.map(({ id, created, created_by, expires }) => ({
        id,
        createdAt: created,
        createdBy: created_by,
        expiresAt: expires ?? undefined,
      }));
    });
  }

  deliveries(
    projectId: string,
    { workflow, trigger }: TriggerName,
    { limit, before, outcome: only }: Parameters<WebhookStore["deliveries"]>[2],
  ): Promise<readonly DeliveryRecord[]> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<DeliveryRow>(
        `SELECT ${deliveryColumns} ${fromDeliveries}
          WHERE d.project_id = $1 AND w.name = $2 AND d.trigger_id = $3
            AND ($4::timestamptz IS NULL OR (date_trunc('milliseconds', d.received_at), d.id) < ($4::timestamptz, $5::uuid))
            AND ($6::text IS NULL OR ${outcome} = $6)
          ORDER BY date_trunc('milliseconds', d.received_at) DESC, d.id DESC LIMIT $7`,
        [projectId, workflow, trigger, before?.[0] ?? null, before?.[1] ?? null, only ?? null, limit],
      );
      return rows.map(deliveryOf);
    });
  }

  delivery(projectId: string, id: string): Promise<DeliveryContent | undefined> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<DeliveryRow & { context: JsonObject; body: Buffer | null }>(
        `SELECT ${deliveryColumns}, d.context, d.body ${fromDeliveries} WHERE d.project_id = $1 AND d.id = $2`,
        [projectId, id],
      );
      const [row] = rows;
      return row === undefined ? undefined : { ...deliveryOf(row), context: row.context, body: row.body ?? undefined };
    });
  }

  rotate(
    projectId: string,
    { workflow, trigger }: TriggerName,
    made: Parameters<WebhookStore["rotate"]>[2],
    key: OnceKey | undefined,
  ): Promise<Once<{ readonly id: string; readonly previousUntil: string | null }> | undefined> {
    return withProject(this.api, projectId, async (client) => {
      const workflowId = await webhookOf(client, projectId, { workflow, trigger });
      if (workflowId === undefined) return undefined;
      return once(client, projectId, key, async () => {
        const place = [projectId, workflowId, trigger];
        const where = "project_id = $1 AND workflow_id = $2 AND trigger_id = $3";
        await client.query(`DELETE FROM webhook_secrets WHERE ${where} AND expires_at <= clock_timestamp()`, place);
        const ending = await client.query<{ until: string }>(
          `UPDATE webhook_secrets SET expires_at = least(expires_at, clock_timestamp() + $4::float8 * interval '1 millisecond')
            WHERE ${where} RETURNING ${iso("expires_at")} AS until`,
          [...place, made.overlapMs],
        );
        await client.query(
          `INSERT INTO webhook_secrets (project_id, workflow_id, trigger_id, id, sealed, created_by) VALUES ($1, $2, $3, $4, $5, $6)`,
          [...place, made.id, made.sealed, made.actor],
        );
        await appendAudit(client, projectId, {
          actor: made.actor,
          action: "webhooks:write",
          subject: `${workflow}.${trigger}`,
          detail: { rotated: made.id, overlapMs: made.overlapMs },
        });
        const last = ending.rows
          .map(({ until }) => until)
          .toSorted()
          .at(-1);
        return { id: made.id, previousUntil: last ?? null };
      });
    });
  }

  secret(projectId: string, id: string): Promise<Buffer | undefined> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<{ sealed: Buffer }>(
        "SELECT sealed FROM webhook_secrets WHERE project_id = $1 AND id = $2",
        [projectId, id],
      );
      return rows[0]?.sealed;
    });
  }

  setDisabled(
    projectId: string,
    { workflow, trigger }: TriggerName,
    disabled: { readonly actor: string; readonly reason: string } | undefined,
    actor: string,
  ): Promise<boolean | undefined> {
    return withProject(this.api, projectId, async (client) => {
      const workflowId = await webhookOf(client, projectId, { workflow, trigger });
      if (workflowId === undefined) return undefined;
      const changed = await client.query(
        `UPDATE workflow_triggers SET disabled = $4::jsonb || jsonb_build_object('atMs', (extract(epoch FROM clock_timestamp()) * 1000)::float8)
          WHERE project_id = $1 AND workflow_id = $2 AND trigger_id = $3 AND (disabled IS NULL) <> ($4::jsonb IS NULL)`,
        [projectId, workflowId, trigger, disabled === undefined ? null : JSON.stringify(disabled)],
      );
      if (changed.rowCount === 0) return false;
      const detail = disabled === undefined ? { disabled: false } : { disabled: true, reason: disabled.reason };
      await appendAudit(client, projectId, {
        actor,
        action: "webhooks:write",
        subject: `${workflow}.${trigger}`,
        detail,
      });
      return true;
    });
  }
}

/** False where the same is there already. */
async function insertDelivery(client: pg.PoolClient, projectId: string, delivery: NewDelivery): Promise<boolean> {
  const made = await client.query(
    `INSERT INTO trigger_deliveries (project_id, id, workflow_id, trigger_id, kind, digest, dedupe, run_id, outcome, detail,
       verification, context, body, replay_of)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
     ON CONFLICT (project_id, workflow_id, trigger_id, dedupe) DO NOTHING`,
    [
      projectId,
      delivery.id,
      delivery.workflowId,
      delivery.trigger,
      delivery.kind,
      delivery.digest,
      delivery.dedupe ?? null,
      delivery.runId ?? null,
      delivery.outcome ?? null,
      delivery.detail?.slice(0, 1000) ?? null,
      delivery.verification?.slice(0, 500) ?? null,
      JSON.stringify(delivery.context),
      delivery.body ?? null,
      delivery.replayOf ?? null,
    ],
  );
  return made.rowCount === 1;
}

/** The workflow of a webhook, with its trigger locked; undefined where there is none. */
async function webhookOf(
  client: pg.PoolClient,
  projectId: string,
  { workflow, trigger }: TriggerName,
): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT w.id FROM workflow_triggers t JOIN workflows w ON w.project_id = t.project_id AND w.id = t.workflow_id
      WHERE t.project_id = $1 AND w.name = $2 AND t.trigger_id = $3 AND t.kind = 'webhook' AND w.retired_at IS NULL
      FOR UPDATE OF t`,
    [projectId, workflow, trigger],
  );
  return rows[0]?.id;
}
