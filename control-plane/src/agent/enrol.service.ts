// Enrolment: a join token and a new key become an agent (docs/protocol.md, "Enrolment and connection proofs").
//  E1. Unknown, spent and expired tokens, a wrong MAC and a bad proof have one answer: no oracle.
//  E2. The use is counted in the transaction that makes the agent. The same key again gives the same agent.
import { randomBytes } from "node:crypto";
import {
  AppError,
  enrolAnswerMacText,
  enrolMacText,
  idFromUuid,
  protocolRange,
  uuidV7,
  type EnrolAnswer,
  type EnrolRequest,
  type NonceAnswer,
} from "@capstan/proto";
import { macText, sameMac, type AgentCredentials } from "../auth/agent-credential.ts";
import type { AgentAdmission } from "./agent-admission.ts";
import type { AgentStore } from "./agent.store.ts";

export class EnrolService {
  private readonly store: AgentStore;
  private readonly credentials: AgentCredentials;
  private readonly admission: AgentAdmission;

  constructor(store: AgentStore, credentials: AgentCredentials, admission: AgentAdmission) {
    this.store = store;
    this.credentials = credentials;
    this.admission = admission;
  }

  async nonce(): Promise<NonceAnswer> {
    const timeMs = Date.now();
    const incarnation = await this.store.incarnation();
    return { nonce: this.credentials.makeNonce(timeMs), timeMs, incarnation, protocol: { ...protocolRange } };
  }

  /** @throws join_token_invalid join_token_cidr agent_name_taken protocol_unsupported */
  async enrol(request: EnrolRequest, address: string): Promise<EnrolAnswer> {
    const invalid = (): AppError =>
      new AppError(
        "join_token_invalid",
        "The join token is unknown, used up or over. Make a new one with `capstan pools token`.",
      );
    const proof = await this.credentials.verifyEnrolProof(request.proof);
    const token = await this.store.joinToken(request.tokenId, address);
    if (token === undefined) throw invalid();
    const key = this.credentials.open(token.sealedKey, request.tokenId);
    const mac = macText(key, enrolMacText(proof));
    if (!sameMac(mac, request.mac) || !this.credentials.isFresh(proof.nonce, Date.now())) throw invalid();
    if (!this.admission.isOurOrigin(proof.origin)) throw invalid();
    if (!token.cidrHolds) throw new AppError("join_token_cidr", `The join token is not for agents at ${address}.`);
    if (proof.protocol.min > protocolRange.max || proof.protocol.max < protocolRange.min) {
      throw new AppError(
        "protocol_unsupported",
        `This server speaks protocol ${protocolRange.min} to ${protocolRange.max}.`,
      );
    }
    const made = await this.store.enrol(token, {
      id: uuidV7(Date.now(), randomBytes(10)),
      name: proof.name,
      thumbprint: proof.identityThumbprint,
      identity: proof.identity,
      sealing: proof.sealing,
      facts: proof.facts,
    });
    if (made.kind === "name_taken") {
      throw new AppError(
        "agent_name_taken",
        `An agent named ${proof.name} exists in this project. Choose another name, or revoke that one.`,
      );
    }
    if (made.kind !== "enrolled") {
      await this.store.securityEvent(token.projectId, "join_token_spent", { token: request.tokenId, address });
      throw invalid();
    }
    const answer = {
      agent: idFromUuid("ag", made.agentId),
      nonce: proof.nonce,
      project: made.project,
      pool: made.pool,
      labels: { ...made.labels },
      state: made.state,
      serverKeys: [],
      roots: [],
    };
    return { ...answer, mac: macText(key, enrolAnswerMacText(answer)) };
  }
}
