// What comes to a webhook's address.
//  H1. Verified over its raw bytes before anything of it is parsed; what is not verified is recorded, and makes no run.
//  H2. A sender is answered 2xx only when its delivery is a row, and where it asks for a run, when that run is committed.
//  H3. The same delivery, by the sender's own name of it, is one row and one run; a repeat is told of the first.
//  H4. A request is data: it reaches expressions and typed inputs, and nothing else.
import {
  AppError,
  evaluateText,
  idFromUuid,
  listenersOf,
  scopeAt,
  type CanonicalWebhook,
  type DeliveryOutcome,
  type ErrorCode,
  type JsonObject,
  type JsonValue,
} from "@capstan/proto";
import { refuseHuge } from "../http/body-bounds.ts";
import { TokenBuckets, type RateHeaders } from "../http/token-bucket.ts";
import { mediaTypeOf, readBody, requestContext } from "../trigger/received-request.ts";
import type { Started, TriggerStarter } from "../trigger/trigger-starter.ts";
import type { WorkflowEditions } from "../workflow/editions.ts";
import { comesFrom, webhookOf } from "./hook-spec.ts";
import { deliveryIdOf, trialAnswer } from "./presets.ts";
import type { WebhookSecrets } from "./secrets.ts";
import { verify } from "./verify.ts";
import type { FoundHook, NewDelivery, WebhookStore } from "./webhook.store.ts";

export interface ReceiveParts {
  readonly store: WebhookStore;
  readonly starter: Pick<TriggerStarter, "start">;
  readonly editions: WorkflowEditions;
  readonly secrets: WebhookSecrets;
  readonly newId: () => string;
  readonly nowMs: () => number;
  /** Projects that take deliveries which nobody signs. */
  readonly secretUrls: ReadonlySet<string>;
  /** @throws queue_full */
  readonly checkQueue: (project: { readonly id: string; readonly name: string }) => void;
  /** Of one webhook; 0: no limit. */
  readonly perSecond: number;
}

export interface Received {
  readonly project: string;
  readonly workflow: string;
  readonly trigger: string;
  readonly pathSecret: string | undefined;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly query: Readonly<Record<string, string>>;
  readonly address: string;
  readonly body: Buffer;
  readonly tell: (headers: RateHeaders) => void;
}

export interface Answered {
  readonly status: 200 | 202;
  readonly body: {
    readonly deliveryId?: string;
    readonly runId?: string | null;
    readonly outcome?: DeliveryOutcome;
    readonly challenge?: string;
  };
  /** The run that was started now. */
  readonly run?: { readonly projectId: string; readonly runId: string };
}

const types = /^application\/(?:json|[a-z0-9.-]+\+json|x-www-form-urlencoded)$/;
const credentials = new Set(["authorization", "cookie", "proxy-authorization", "x-gitlab-token"]);

export class ReceiveService {
  private readonly parts: ReceiveParts;
  private readonly tries: TokenBuckets;
  private readonly taken: TokenBuckets;
  private readonly unverified: TokenBuckets;

  constructor(parts: ReceiveParts) {
    this.parts = parts;
    const { perSecond } = parts;
    const rule = { perSecond, burst: perSecond * 10, what: "deliveries of one webhook" };
    // Whoever cannot sign uses up what the address may try, and not what the webhook may take.
    this.tries = new TokenBuckets({ ...rule, name: "webhook-address" });
    this.taken = new TokenBuckets({ ...rule, name: "webhook" });
    this.unverified = new TokenBuckets({ name: "unverified", perSecond: 1, burst: 60, what: "records" });
  }

  /** @throws not_found signature_invalid state_conflict media_type_refused malformed inputs_invalid and what a start may say */
  async receive(request: Received): Promise<Answered> {
    const { project, workflow, trigger } = request;
    const name = `${project}/${workflow}/${trigger}`;
    this.tries.take(`${name} ${request.address}`, 1, request.tell);
    const hook = await this.parts.store.find(project, workflow, trigger);
    if (hook === undefined || !hook.isEnabled) throw new AppError("not_found", `There is no webhook ${name}.`);
    const spec = webhookOf(hook.spec);
    await this.checkSender(hook, spec, request);
    this.taken.take(name, 1, request.tell);
    if (hook.isDisabled) {
      await this.record(hook, request, { outcome: "disabled" });
      throw new AppError("state_conflict", `The webhook ${workflow}.${trigger} is disabled.`);
    }
    const body = await this.read(hook, request);
    const trial = trialAnswer(spec.scheme, request.headers, body);
    if (trial !== undefined) {
      const { id } = await this.record(hook, request, { outcome: "answered" });
      return { status: 200, body: { deliveryId: idFromUuid("dlv", id), runId: null, outcome: "answered", ...trial } };
    }
    this.parts.checkQueue({ id: hook.projectId, name: project });
    const dedupe = await this.dedupeOf(hook, spec, request, body);
    return this.start(hook, request, dedupe);
  }

  private async start(hook: FoundHook, request: Received, dedupe: string | undefined): Promise<Answered> {
    const runId = this.parts.newId();
    const made = await this.record(hook, request, { runId, dedupe });
    if (made.repeat !== undefined) {
      const { id, runId: first, outcome } = made.repeat;
      const run = first === undefined ? null : idFromUuid("run", first);
      return { status: 200, body: { deliveryId: idFromUuid("dlv", id), runId: run, outcome } };
    }
    const timer = {
      projectId: hook.projectId,
      runId,
      position: -1,
      kind: "trigger_start",
      body: { delivery: made.id },
    } as const;
    return answerOf(made.id, hook.projectId, runId, await this.parts.starter.start(timer));
  }

  /** @throws signature_invalid */
  private async checkSender(hook: FoundHook, spec: CanonicalWebhook, request: Received): Promise<void> {
    const why = this.whyNot(hook, spec, request);
    if (why === undefined) return;
    try {
      this.unverified.take(`${hook.projectId} ${hook.workflowId} ${hook.trigger}`, 1, () => undefined);
      await this.record(hook, request, { outcome: "unverified", verification: why });
    } catch (error) {
      // A flood is not written down: it would only fill the log.
      if (!(error instanceof AppError && error.code === "rate_limited")) throw error;
    }
    throw new AppError("signature_invalid", "The delivery could not be verified. It was recorded, and made no run.");
  }

  private whyNot(hook: FoundHook, spec: CanonicalWebhook, request: Received): string | undefined {
    if (!comesFrom(spec.ip, request.address)) return `${request.address} is in none of its networks`;
    if (spec.scheme === "none" && !this.parts.secretUrls.has(hook.project))
      return `project ${hook.project} does not take what nobody signs (CAPSTAN_WEBHOOKS__SECRET_URLS)`;
    const secrets = hook.secrets.map((one) => this.parts.secrets.open(hook.projectId, one));
    const found = verify(spec, { ...request, nowMs: this.parts.nowMs() }, secrets);
    return found.kind === "verified" ? undefined : found.why;
  }

  /** @throws media_type_refused malformed */
  private async read(hook: FoundHook, request: Received): Promise<JsonValue> {
    const type = mediaTypeOf(request.contentType);
    const refuse = async (error: AppError): Promise<never> => {
      await this.record(hook, request, { outcome: "unreadable", detail: error.message });
      throw error;
    };
    if (!types.test(type)) {
      const said = type === "" ? "no type" : type;
      return refuse(new AppError("media_type_refused", `A webhook takes application/json or a form, not ${said}.`));
    }
    const body = readBody(type, request.body);
    if (body === undefined) return refuse(new AppError("malformed", `The body is not the ${type} that it says it is.`));
    try {
      refuseHuge(body);
    } catch (error) {
      if (error instanceof AppError) return refuse(error);
      throw error;
    }
    return body;
  }

  /** What names the delivery. @throws inputs_invalid */
  private async dedupeOf(
    hook: FoundHook,
    spec: CanonicalWebhook,
    request: Received,
    body: JsonValue,
  ): Promise<string | undefined> {
    if (spec.dedupe === undefined) {
      const id = deliveryIdOf(spec.scheme, request.headers, body);
      return id === undefined ? undefined : `sender ${id.slice(0, 500)}`;
    }
    const { projectId: id, project: name } = hook;
    const edition = await this.parts.editions.byId({ id, name }, hook.workflowId, hook.digest);
    const trigger = edition && listenersOf(edition.document).find((one) => one.id === hook.trigger);
    if (edition === undefined || trigger === undefined)
      throw new AppError("not_found", "The webhook is not there any more.");
    const nowMs = this.parts.nowMs();
    const seen = { kind: "webhook", id: hook.trigger, at: nowMs, ...requestContext(contextOf(request), request.body) };
    const run = {
      workflow: hook.workflow,
      version: hook.digest,
      scheduledAt: nowMs,
      window: { start: nowMs, end: nowMs },
    };
    try {
      const text = evaluateText(
        spec.dedupe,
        { trigger: seen, run },
        { scope: scopeAt(edition.document, "webhookTrigger") },
      );
      return `expression ${String(text).slice(0, 500)}`;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const detail = `dedupe: ${error.message}`;
      await this.record(hook, request, { outcome: "failed", detail });
      throw new AppError("inputs_invalid", detail, { cause: error });
    }
  }

  private async record(
    hook: FoundHook,
    request: Received,
    more: Pick<Partial<NewDelivery>, "outcome" | "detail" | "runId" | "dedupe" | "verification">,
  ) {
    const id = this.parts.newId();
    const isVerified = more.outcome !== "unverified";
    const { scheme } = webhookOf(hook.spec);
    const recorded = await this.parts.store.record(hook.projectId, {
      id,
      workflowId: hook.workflowId,
      trigger: hook.trigger,
      kind: "webhook",
      digest: hook.digest,
      verification: `verified by ${scheme}`,
      ...more,
      // Of those who may be anybody only little is kept.
      context: isVerified ? contextOf(request) : { address: request.address, bodyBytes: request.body.length },
      body: isVerified ? request.body : undefined,
    });
    return { id, repeat: recorded.kind === "repeat" ? recorded.delivery : undefined };
  }
}

/** What of a request is kept: no credentials. */
const contextOf = ({ headers, contentType, query, address }: Received): JsonObject => ({
  headers: {
    ...Object.fromEntries(Object.entries(headers).filter(([name]) => !credentials.has(name))),
    "content-type": contentType,
  },
  query,
  address,
});

function answerOf(id: string, projectId: string, runId: string, started: Started): Answered {
  const deliveryId = idFromUuid("dlv", id);
  switch (started.kind) {
    case "started":
      return {
        status: 202,
        body: { deliveryId, runId: idFromUuid("run", runId), outcome: "started" },
        run: { projectId, runId },
      };
    case "taken":
      return { status: 202, body: { deliveryId, runId: idFromUuid("run", runId), outcome: "pending" } };
    case "refused": {
      const { outcome, detail, code } = started;
      if (outcome === "filtered") return { status: 202, body: { deliveryId, runId: null, outcome } };
      throw new AppError(codeOf(outcome, code), detail, { evidence: { deliveryId } });
    }
  }
}

/** What a sender is told of a delivery that could not become a run. A trigger that cannot be read is our own trouble. */
function codeOf(outcome: DeliveryOutcome, code: ErrorCode | undefined): ErrorCode {
  if (outcome === "failed") return "inputs_invalid";
  return code ?? (outcome === "chain_too_long" ? "state_conflict" : "internal");
}
