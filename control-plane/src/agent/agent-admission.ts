// Lets an agent in by its assertion: for the socket and for every request under /agent/v1 after enrolment.
//  A1. One answer, 401, for a key, signature, audience, nonce or jti that does not hold; 403 only for a revoked agent.
//  A2. An assertion counts once.
import { AppError, idFromUuid } from "@capstan/proto";
import type { AgentCredentials } from "../auth/agent-credential.ts";
import { isLoopback } from "../config.ts";
import type { AgentIdentity } from "../gateway/agent-identity.ts";
import type { AgentStore } from "./agent.store.ts";

export const ADMISSION = Symbol("AgentAdmission");

export interface AdmissionRequest {
  readonly authorization: string | undefined;
  readonly method: string;
  /** Path of the request, without its query. */
  readonly path: string;
}

export class AgentAdmission {
  private readonly store: AgentStore;
  private readonly credentials: AgentCredentials;
  private readonly ourUrl: () => string;

  constructor(store: AgentStore, credentials: AgentCredentials, ourUrl: () => string) {
    this.store = store;
    this.credentials = credentials;
    this.ourUrl = ourUrl;
  }

  /** @throws assertion_invalid agent_revoked */
  async admit(request: AdmissionRequest): Promise<AgentIdentity> {
    const assertion = /^Bearer ([A-Za-z0-9_.-]{1,8192})$/.exec(request.authorization ?? "")?.[1];
    if (assertion === undefined) throw new AppError("assertion_invalid", "the request carries no assertion");
    const agent = await this.store.byThumbprint(this.credentials.keyIdOf(assertion));
    if (agent === undefined) throw new AppError("assertion_invalid", "no agent has that key");
    const claims = await this.credentials.verifyAssertion(assertion, {
      key: agent.key,
      agent: idFromUuid("ag", agent.agentId),
      method: request.method,
      nowMs: Date.now(),
    });
    if (!this.isOurs(claims.aud, request.path))
      throw new AppError("assertion_invalid", "the assertion was made for another server or path");
    if (!(await this.store.useOnce(agent, claims.jti))) {
      await this.store.securityEvent(agent.projectId, "assertion_replayed", { agent: idFromUuid("ag", agent.agentId) });
      throw new AppError("assertion_invalid", "the assertion was used before");
    }
    if (agent.state === "revoked") throw new AppError("agent_revoked", `the agent ${agent.name} was revoked`);
    return agent;
  }

  /** The origin that an agent may name: the public one, or loopback by any of its names where we listen there. */
  isOurOrigin(origin: string): boolean {
    const ours = this.ourUrl();
    if (origin === ours) return true;
    if (!URL.canParse(origin)) return false;
    const [a, b] = [new URL(origin), new URL(ours)];
    return (
      a.origin === origin &&
      isLoopback(a.hostname) &&
      isLoopback(b.hostname) &&
      a.port === b.port &&
      a.protocol === b.protocol
    );
  }

  private isOurs(audience: string, path: string): boolean {
    return audience.endsWith(path) && this.isOurOrigin(audience.slice(0, -path.length));
  }
}
