// What people see of endpoints and do with them.
import {
  AppError,
  idFromUuid,
  uuidFromId,
  type ChangeEndpointBody,
  type EndpointView,
  type MessageView,
  type RouteBody,
} from "@capstan/proto";
import { etagOf, type Precondition } from "../http/etag.ts";
import type { Once, OnceKey } from "../http/once-key.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { EndpointSecrets } from "./endpoint-secrets.ts";
import type { EndpointRecord, EndpointStore, MessageRecord } from "./endpoint.store.ts";

const overlapMs = 86_400_000;

export interface EndpointParts {
  readonly store: EndpointStore;
  readonly secrets: EndpointSecrets;
  readonly newId: () => string;
  /** @throws egress_denied */
  readonly checkAddress: (url: string) => void;
  /** Lets the loop look at once. */
  readonly wake: () => void;
}

interface Shown {
  readonly endpoint: EndpointView;
  readonly secret: string;
}

export class EndpointService {
  private readonly parts: EndpointParts;

  constructor(parts: EndpointParts) {
    this.parts = parts;
  }

  async list(project: ProjectScope): Promise<EndpointView[]> {
    return (await this.parts.store.list(project.id)).map(endpointView);
  }

  /** @throws not_found */
  async show(project: ProjectScope, endpoint: string): Promise<EndpointView> {
    const id = uuidFromId("ep", endpoint);
    const [found] = id === undefined ? [] : await this.parts.store.list(project.id, id);
    if (found === undefined) throw noEndpoint(project, endpoint);
    return endpointView(found);
  }

  /** @throws egress_denied idempotency_key_reused */
  async create(
    project: ProjectScope,
    actor: string,
    { url, types, workflows, description = "", format = "standard" }: RouteBody<"endpointCreate">,
    key: OnceKey | undefined,
  ): Promise<Once<Shown>> {
    this.parts.checkAddress(url);
    const { store, secrets, newId } = this.parts;
    const secret = secrets.make(project.id, newId());
    const made = await store.create(
      project.id,
      { id: newId(), url, types: [...new Set(types)], workflows, description, format, actor, secret },
      key,
    );
    const { id, secretId } = made.value;
    return { value: await this.shown(project, id, secretId), isReplayed: made.isReplayed };
  }

  /** @throws not_found idempotency_key_reused */
  async rotate(project: ProjectScope, endpoint: string, actor: string, key: OnceKey | undefined): Promise<Once<Shown>> {
    const id = idOf(project, endpoint);
    const secret = this.parts.secrets.make(project.id, this.parts.newId());
    const made = await this.parts.store.rotate(project.id, id, { ...secret, overlapMs, actor }, key);
    if (made === undefined) throw noEndpoint(project, endpoint);
    return { value: await this.shown(project, id, made.value.secretId), isReplayed: made.isReplayed };
  }

  /** @throws not_found egress_denied precondition_required precondition_failed */
  async change(
    project: ProjectScope,
    endpoint: string,
    change: { readonly body: ChangeEndpointBody; readonly actor: string },
    precondition: Precondition,
  ): Promise<EndpointView> {
    if (change.body.url !== undefined) this.parts.checkAddress(change.body.url);
    const changed = await this.parts.store.change(project.id, idOf(project, endpoint), change, (current) =>
      precondition.check(`the endpoint ${endpoint}`, endpointTag(endpointView(current))),
    );
    if (changed === undefined) throw noEndpoint(project, endpoint);
    this.parts.wake();
    return endpointView(changed);
  }

  /** @throws not_found precondition_required precondition_failed */
  async remove(project: ProjectScope, endpoint: string, actor: string, precondition: Precondition): Promise<void> {
    const check = (current: EndpointRecord): void =>
      precondition.check(`the endpoint ${endpoint}`, endpointTag(endpointView(current)));
    if (!(await this.parts.store.remove(project.id, idOf(project, endpoint), actor, check)))
      throw noEndpoint(project, endpoint);
  }

  /** @throws not_found */
  async enable(project: ProjectScope, endpoint: string, actor: string): Promise<EndpointView> {
    if (!(await this.parts.store.enable(project.id, idOf(project, endpoint), actor)))
      throw noEndpoint(project, endpoint);
    this.parts.wake();
    return this.show(project, endpoint);
  }

  /** @throws not_found */
  async test(project: ProjectScope, endpoint: string, actor: string): Promise<MessageView> {
    await this.show(project, endpoint);
    const endpointId = idOf(project, endpoint);
    const id = this.parts.newId();
    const payload = { type: "test", timestamp: new Date().toISOString(), data: { project: project.name, by: actor } };
    await this.parts.store.add(project.id, { id, endpointId, type: "test", payload });
    this.parts.wake();
    return this.message(project, endpoint, idFromUuid("msg", id));
  }

  /** @throws not_found */
  async messages(project: ProjectScope, endpoint: string, limit = 50): Promise<MessageView[]> {
    await this.show(project, endpoint);
    return (await this.parts.store.messages(project.id, idOf(project, endpoint), limit)).map(messageView);
  }

  /** @throws not_found */
  async replay(project: ProjectScope, endpoint: string, message: string, actor: string): Promise<MessageView> {
    const id = uuidFromId("msg", message);
    const done = id !== undefined && (await this.parts.store.replay(project.id, idOf(project, endpoint), id, actor));
    if (!done)
      throw new AppError("not_found", `There is no delivery ${message} to ${endpoint}; they are kept for 30 days.`);
    this.parts.wake();
    return this.message(project, endpoint, message);
  }

  private async message(project: ProjectScope, endpoint: string, message: string): Promise<MessageView> {
    const [found] = await this.parts.store.messages(project.id, idOf(project, endpoint), 1, uuidFromId("msg", message));
    if (found === undefined) throw new AppError("not_found", `There is no delivery ${message} to ${endpoint}.`);
    return messageView(found);
  }

  /** A repeated request is told the secret that the first one made. */
  private async shown(project: ProjectScope, id: string, secretId: string): Promise<Shown> {
    const sealed = (await this.parts.store.secrets(project.id, id)).find((one) => one.id === secretId);
    if (sealed === undefined) throw new AppError("not_found", "The secret that this request made has ended.");
    return {
      endpoint: await this.show(project, idFromUuid("ep", id)),
      secret: this.parts.secrets.open(project.id, sealed),
    };
  }
}

function idOf(project: ProjectScope, endpoint: string): string {
  const id = uuidFromId("ep", endpoint);
  if (id === undefined) throw noEndpoint(project, endpoint);
  return id;
}

/** Of what people set; whether it takes what is sent changes by itself. */
export const endpointTag = ({ id, url, description, types, workflows, format, state }: EndpointView): string =>
  etagOf([id, url, description, types, workflows, format, state === "disabled"]);

const noEndpoint = (project: ProjectScope, endpoint: string): AppError =>
  new AppError("not_found", `There is no endpoint ${endpoint} in project ${project.name}.`);

const endpointView = (one: EndpointRecord): EndpointView => ({
  id: idFromUuid("ep", one.id),
  url: one.url,
  description: one.description,
  types: [...one.types],
  workflows: one.workflows === undefined ? null : [...one.workflows],
  format: one.format,
  state: one.disabledReason !== undefined ? "disabled" : one.isFailing ? "failing" : "active",
  reason: one.disabledReason ?? null,
  createdAt: one.createdAt,
  createdBy: one.createdBy,
});

const messageView = ({ id, outcome, nextAt, tries, ...one }: MessageRecord): MessageView => ({
  ...one,
  id: idFromUuid("msg", id),
  state: outcome ?? "pending",
  nextAt: outcome === undefined ? nextAt : null,
  tries: [...tries],
});
