// What people see of triggers, webhooks and deliveries, and do with them.
import {
  AppError,
  deliveryOutcomes,
  formatTime,
  idFromUuid,
  uuidFromId,
  type DeliveryDetail,
  type DeliveryView,
  type JsonObject,
  type RouteResponse,
  type TriggerListView,
  type WebhookSteered,
  type WebhookView,
} from "@capstan/proto";
import { makeCursor, readCursor } from "../http/cursor.ts";
import type { Once, OnceKey } from "../http/once-key.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { TriggerStarter } from "../trigger/trigger-starter.ts";
import { webhookOf } from "./hook-spec.ts";
import type { WebhookSecrets } from "./secrets.ts";
import type {
  DeliveryContent,
  DeliveryRecord,
  NewDelivery,
  TriggerName,
  TriggerRecord,
  WebhookStore,
} from "./webhook.store.ts";

const dayMs = 86_400_000;

export interface WebhookParts {
  readonly store: WebhookStore;
  readonly starter: Pick<TriggerStarter, "start">;
  readonly secrets: WebhookSecrets;
  readonly newId: () => string;
  readonly publicUrl: () => string;
}

export interface DeliveryPage {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly outcome?: string | undefined;
}

export class WebhookService {
  private readonly parts: WebhookParts;

  constructor(parts: WebhookParts) {
    this.parts = parts;
  }

  async triggers(project: ProjectScope): Promise<TriggerListView[]> {
    const found = await this.parts.store.triggers(project.id);
    return found.map((one) => ({
      trigger: `${one.workflow}.${one.trigger}`,
      workflow: one.workflow,
      kind: one.kind,
      listensTo: one.listensTo ?? null,
      state: stateOf(one),
      lastDeliveryAt: one.lastDelivery ?? null,
    }));
  }

  async list(project: ProjectScope): Promise<WebhookView[]> {
    const found = await this.parts.store.triggers(project.id);
    return Promise.all(found.filter(({ kind }) => kind === "webhook").map((one) => this.view(project, one)));
  }

  /** @throws not_found */
  async show(project: ProjectScope, webhook: string): Promise<WebhookView> {
    return this.view(project, await this.find(project, webhook));
  }

  /** @throws not_found cursor_invalid */
  async deliveries(
    project: ProjectScope,
    trigger: string,
    { limit = 50, cursor, outcome }: DeliveryPage,
  ): Promise<RouteResponse<"webhookDeliveries">> {
    const of = namesOf(trigger);
    const [known] = await this.parts.store.triggers(project.id, of);
    if (known === undefined) throw noTrigger(project, trigger);
    const filter = { trigger, outcome };
    const position = cursor === undefined ? undefined : readCursor(filter, cursor, 2).map(String);
    const before = position === undefined ? undefined : ([position[0] ?? "", position[1] ?? ""] as const);
    const rows = await this.parts.store.deliveries(project.id, of, { limit: limit + 1, before, outcome });
    const shown = rows.slice(0, limit);
    const last = rows.length > limit ? shown.at(-1) : undefined;
    return {
      data: shown.map(deliveryView),
      nextCursor: last === undefined ? null : makeCursor(filter, [last.receivedAt, last.id]),
    };
  }

  /** @throws not_found */
  async delivery(project: ProjectScope, id: string): Promise<DeliveryDetail> {
    return detailView(await this.findDelivery(project, id));
  }

  /** The same once more, with the active version. @throws not_found state_conflict */
  async replay(project: ProjectScope, id: string, actor: string): Promise<DeliveryDetail> {
    const of = await this.findDelivery(project, id);
    if (of.outcome === "unverified" || of.outcome === "unreadable")
      throw new AppError("state_conflict", `${id} was ${of.outcome}, so nothing of it can be delivered again.`);
    const trigger = await this.find(project, `${of.workflow}.${of.trigger}`, of.kind);
    return this.deliver(project, trigger, {
      verification: `replay by ${actor}`,
      context: of.context,
      body: of.body,
      replayOf: of.id,
    });
  }

  /** As if it had been verified. @throws not_found */
  async test(
    project: ProjectScope,
    webhook: string,
    actor: string,
    given: {
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly query?: Readonly<Record<string, string>> | undefined;
    },
  ): Promise<DeliveryDetail> {
    const trigger = await this.find(project, webhook);
    const headers = Object.entries(given.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
    return this.deliver(project, trigger, {
      verification: `test by ${actor}`,
      context: {
        headers: { "content-type": "application/json", ...Object.fromEntries(headers) },
        query: given.query ?? {},
        address: "",
      },
      body: Buffer.from(JSON.stringify(given.body ?? {})),
    });
  }

  /** @throws not_found idempotency_key_reused */
  async rotate(
    project: ProjectScope,
    webhook: string,
    actor: string,
    asked: { readonly secret?: string | undefined; readonly overlapMs?: number | undefined },
    key: OnceKey | undefined,
  ): Promise<Once<RouteResponse<"webhookRotate">>> {
    const found = await this.find(project, webhook);
    const { secrets, store, newId } = this.parts;
    const { scheme } = webhookOf(found.spec);
    const id = newId();
    const sealed = secrets.close(project.id, id, asked.secret ?? secrets.make(scheme));
    const made = { id, sealed, overlapMs: asked.overlapMs ?? dayMs, actor };
    const rotated = await store.rotate(project.id, found, made, key);
    if (rotated === undefined) throw noTrigger(project, webhook);
    // A repeated request is told the secret that the first one made.
    const kept = await store.secret(project.id, rotated.value.id);
    if (kept === undefined) throw new AppError("not_found", "The secret that this request made has ended.");
    const secret = secrets.open(project.id, { id: rotated.value.id, sealed: kept });
    const url = this.urlOf(project, found) + (scheme === "none" ? `/${secret}` : "");
    const { previousUntil } = rotated.value;
    return { value: { webhook, url, secret, previousUntil }, isReplayed: rotated.isReplayed };
  }

  /** Repeats are harmless. @throws not_found */
  async setDisabled(
    project: ProjectScope,
    webhook: string,
    disabled: { readonly actor: string; readonly reason: string } | undefined,
    actor: string,
  ): Promise<WebhookSteered> {
    const changed = await this.parts.store.setDisabled(project.id, namesOf(webhook), disabled, actor);
    if (changed === undefined) throw noTrigger(project, webhook);
    return { webhook, state: disabled === undefined ? "active" : "disabled", already: !changed };
  }

  private async deliver(
    project: ProjectScope,
    { workflowId, trigger, kind, digest }: TriggerRecord,
    more: Pick<NewDelivery, "verification" | "context" | "body" | "replayOf">,
  ): Promise<DeliveryDetail> {
    const { store, starter, newId } = this.parts;
    const id = newId();
    const runId = newId();
    await store.record(project.id, { id, runId, workflowId, trigger, kind, digest, ...more });
    await starter.start({ projectId: project.id, runId, position: -1, kind: "trigger_start", body: { delivery: id } });
    return detailView(await this.findDelivery(project, idFromUuid("dlv", id)));
  }

  private async view(project: ProjectScope, one: TriggerRecord): Promise<WebhookView> {
    const { scheme, ip } = webhookOf(one.spec);
    const secrets = await this.parts.store.secrets(project.id, one);
    const state = stateOf(one);
    return {
      webhook: `${one.workflow}.${one.trigger}`,
      workflow: one.workflow,
      url: this.urlOf(project, one),
      verify: scheme,
      ip: ip === undefined ? null : [...ip],
      state: state === "active" && secrets.length === 0 ? "no_secret" : state,
      disabled:
        one.disabled === undefined
          ? null
          : { actor: one.disabled.actor, reason: one.disabled.reason, at: formatTime(one.disabled.atMs) },
      secrets: secrets.map(({ id, expiresAt, ...rest }) => ({ ...rest, id, expiresAt: expiresAt ?? null })),
      lastDeliveryAt: one.lastDelivery ?? null,
    };
  }

  private urlOf(project: ProjectScope, { workflow, trigger }: TriggerName): string {
    return `${this.parts.publicUrl()}/hooks/${project.name}/${workflow}/${trigger}`;
  }

  private async find(
    project: ProjectScope,
    name: string,
    kind: TriggerRecord["kind"] = "webhook",
  ): Promise<TriggerRecord> {
    const found = (await this.parts.store.triggers(project.id, namesOf(name))).find((one) => one.kind === kind);
    if (found === undefined) throw noTrigger(project, name);
    return found;
  }

  private async findDelivery(project: ProjectScope, id: string): Promise<DeliveryContent> {
    const uuid = uuidFromId("dlv", id);
    const found = uuid === undefined ? undefined : await this.parts.store.delivery(project.id, uuid);
    if (found === undefined)
      throw new AppError(
        "not_found",
        `There is no delivery ${id} in project ${project.name}; they are kept for 30 days.`,
      );
    return found;
  }
}

/** `deploy.push`, or `deploy` for the one trigger of its kind that has no id. */
function namesOf(name: string): TriggerName {
  const [workflow = "", trigger = "event"] = name.split(".", 2);
  return { workflow, trigger };
}

const noTrigger = (project: ProjectScope, name: string): AppError =>
  new AppError("not_found", `There is no ${name} in project ${project.name}; write WORKFLOW.ID.`);

function stateOf({ isEnabled, disabled, isWorkflowPaused }: TriggerRecord): TriggerListView["state"] {
  if (!isEnabled) return "not_enabled";
  if (disabled !== undefined) return "disabled";
  return isWorkflowPaused ? "workflow_paused" : "active";
}

const deliveryView = (one: DeliveryRecord): DeliveryView => ({
  id: idFromUuid("dlv", one.id),
  trigger: `${one.workflow}.${one.trigger}`,
  kind: one.kind,
  receivedAt: one.receivedAt,
  outcome: one.outcome,
  meaning: deliveryOutcomes[one.outcome],
  detail: one.detail ?? null,
  run: one.run ?? null,
  verification: one.verification ?? null,
  bodyBytes: one.bodyBytes ?? null,
  replayOf: one.replayOf === undefined ? null : idFromUuid("dlv", one.replayOf),
});

const detailView = (one: DeliveryContent): DeliveryDetail => ({
  ...deliveryView(one),
  context: contextView(one),
  body: one.body === undefined ? null : textOf(one.body),
});

/** The run that ended is named by its id, as elsewhere. */
function contextView({ kind, context }: DeliveryContent): DeliveryDetail["context"] {
  const { chain: _, ...shown } = context;
  const view: JsonObject = kind === "workflow" ? { ...shown, run: idFromUuid("run", String(context["run"])) } : shown;
  return structuredClone(view) as DeliveryDetail["context"]; // a copy: the schema's types are not readonly
}

function textOf(body: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return null;
  }
}
