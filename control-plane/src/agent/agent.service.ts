// What people do with agents, pools and join tokens.
import { randomBytes } from "node:crypto";
import {
  AppError,
  formatJoinToken,
  idFromUuid,
  uuidFromId,
  uuidV7,
  type AgentDetail,
  type AgentView,
  type JoinTokenBody,
  type JoinTokenMade,
  type JoinTokenView,
  type Permission,
  type PoolView,
  type RelabelBody,
} from "@capstan/proto";
import type { AgentCredentials } from "../auth/agent-credential.ts";
import type { Once, OnceKey } from "../http/once-key.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { InventoryService } from "../result/inventory.service.ts";
import type { AgentStore } from "./agent.store.ts";
import type { JoinTokenStore } from "./join-token.store.ts";

const tokenMs = 15 * 60_000;

export interface AgentServiceParts {
  readonly agents: AgentStore;
  readonly joinTokens: JoinTokenStore;
  readonly credentials: AgentCredentials;
  readonly inventory: Pick<InventoryService, "revoke">;
}

export class AgentService {
  private readonly parts: AgentServiceParts;

  constructor(parts: AgentServiceParts) {
    this.parts = parts;
  }

  pools(project: ProjectScope): Promise<PoolView[]> {
    return this.parts.agents.pools(project.id);
  }

  /**
   * The token is in this answer and nowhere else; the same key answers it again.
   * @throws not_found malformed idempotency_key_reused state_conflict
   */
  async makeToken(
    project: ProjectScope,
    pool: string,
    body: JoinTokenBody,
    actor: string,
    key?: OnceKey,
  ): Promise<Once<JoinTokenMade>> {
    const { credentials, joinTokens } = this.parts;
    const id = uuidV7(Date.now(), randomBytes(10));
    const publicId = idFromUuid("jt", id);
    const secret = credentials.joinSecret(publicId);
    if (body.cidr !== undefined && !/^[0-9a-fA-F.:]{2,45}\/\d{1,3}$/.test(body.cidr)) {
      throw new AppError("malformed", "/cidr: write a network such as 10.0.0.0/8");
    }
    const { value, isReplayed } = await joinTokens
      .create(
        project.id,
        {
          id,
          publicId,
          pool,
          sealedKey: credentials.seal(credentials.joinKey(publicId, secret), publicId),
          usesMax: body.uses ?? 1,
          labels: body.labels ?? {},
          cidr: body.cidr,
          approve: body.approve ?? false,
          expiresInMs: body.expiresInMs ?? tokenMs,
          createdBy: actor,
        },
        key,
      )
      .catch((cause: unknown) => {
        const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
        if (code === "22P02")
          throw new AppError("malformed", "/cidr: that is no network; write one such as 10.0.0.0/8", { cause });
        throw cause;
      });
    if (value === "no_pool") throw noPool(project, pool);
    if (value === "taken_back")
      throw new AppError("state_conflict", "The join token of this Idempotency-Key was taken back.");
    const token = formatJoinToken({ id: value.id, secret: credentials.joinSecret(value.id) });
    return { value: { ...value, token }, isReplayed };
  }

  /** @throws not_found */
  async tokens(project: ProjectScope, pool: string): Promise<JoinTokenView[]> {
    const found = await this.parts.joinTokens.list(project.id, pool);
    if (found === undefined) throw noPool(project, pool);
    return found;
  }

  /** @throws not_found */
  async deleteToken(project: ProjectScope, pool: string, token: string, actor: string): Promise<void> {
    if (!(await this.parts.joinTokens.remove(project.id, pool, token, actor)))
      throw new AppError("not_found", `There is no join token ${token} in pool ${pool}.`);
  }

  /** Revoked agents are listed only when asked for. */
  async list(
    project: ProjectScope,
    filter: { pool?: readonly string[] | undefined; state?: readonly string[] | undefined },
  ): Promise<AgentView[]> {
    const all = await this.parts.agents.list(project.id);
    return all.filter(
      (agent) =>
        (filter.pool === undefined || filter.pool.includes(agent.pool)) &&
        (filter.state === undefined ? agent.state !== "revoked" : filter.state.includes(agent.state)),
    );
  }

  /** By `ag_…` or name. @throws not_found */
  async show(project: ProjectScope, agent: string): Promise<AgentDetail> {
    const id = uuidFromId("ag", agent);
    const found = await this.parts.agents.detail(project.id, id === undefined ? { name: agent } : { id });
    if (found === undefined) throw new AppError("not_found", `There is no agent ${agent} in project ${project.name}.`);
    return found;
  }

  drain(project: ProjectScope, agent: string, actor: string, reason: string): Promise<AgentView> {
    return this.move(
      project,
      agent,
      { action: "drain", from: ["active"], to: "draining", same: ["draining", "drained"] },
      actor,
      reason,
    );
  }

  resume(project: ProjectScope, agent: string, actor: string): Promise<AgentView> {
    return this.move(
      project,
      agent,
      { action: "resume", from: ["draining", "drained", "suspended"], to: "active", same: ["active"] },
      actor,
      "",
    );
  }

  /** An agent that was enrolled by a token which asks for it. @throws not_found state_conflict */
  async approve(project: ProjectScope, agent: string, actor: string): Promise<AgentView> {
    const step = { action: "approve", from: ["pending"], to: "active", same: ["active"] } as const;
    return this.move(project, agent, { ...step, permission: "agents:enrol" }, actor, "");
  }

  /**
   * Its session is closed within seconds, so that it comes back with the labels of now; what it executes goes on.
   * @throws not_found state_conflict
   */
  async relabel(project: ProjectScope, agent: string, { labels }: RelabelBody, actor: string): Promise<AgentView> {
    const found = await this.show(project, agent);
    if (!(await this.parts.agents.pin(project.id, uuidFromId("ag", found.id) ?? "", { labels, actor })))
      throw new AppError("state_conflict", `The agent ${found.name} is revoked.`, { evidence: { state: found.state } });
    return summaryOf(await this.show(project, agent));
  }

  /** The row first; sockets are closed within seconds, and what the agent held is lost at once. */
  async revoke(project: ProjectScope, agent: string, actor: string, reason: string): Promise<void> {
    const found = await this.show(project, agent);
    const agentId = uuidFromId("ag", found.id) ?? "";
    const moved = await this.parts.agents.moveState(project.id, agentId, {
      from: ["pending", "active", "draining", "drained", "suspended"],
      to: "revoked",
      audit: { actor, action: "agents:revoke", subject: found.id, detail: { name: found.name, reason } },
    });
    if (moved) await this.parts.inventory.revoke({ projectId: project.id, agentId });
  }

  private async move(
    project: ProjectScope,
    agent: string,
    step: {
      action: string;
      from: readonly string[];
      to: AgentView["state"];
      same: readonly string[];
      /** Under which it is audited; `agents:drain` unless said. */
      permission?: Permission;
    },
    actor: string,
    reason: string,
  ): Promise<AgentView> {
    const found = await this.show(project, agent);
    const view = summaryOf(found);
    const moved = await this.parts.agents.moveState(project.id, uuidFromId("ag", found.id) ?? "", {
      from: step.from,
      to: step.to,
      audit: {
        actor,
        action: step.permission ?? "agents:drain",
        subject: found.id,
        detail: { action: step.action, reason },
      },
    });
    if (moved) return { ...view, state: step.to };
    if (step.same.includes(view.state)) return view;
    throw new AppError("state_conflict", `The agent ${view.name} is ${view.state}; it cannot ${step.action}.`, {
      evidence: { state: view.state, allowed: [...step.from] },
    });
  }
}

function summaryOf({
  session: _session,
  fingerprint: _fingerprint,
  attempts: _attempts,
  ...view
}: AgentDetail): AgentView {
  return view;
}

const noPool = (project: ProjectScope, pool: string): AppError =>
  new AppError("not_found", `There is no pool ${pool} in project ${project.name}.`);
