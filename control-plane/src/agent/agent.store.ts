// Port: agents and pools, and the use of join tokens.
import type { AgentDetail, AgentView, PoolView, PublicJwk } from "@capstan/proto";
import type { AuditEntry } from "../audit/entry.ts";

export const AGENT_STORE = Symbol("AgentStore");

export interface AgentRow {
  readonly projectId: string;
  readonly project: string;
  readonly agentId: string;
  readonly name: string;
  readonly pool: string;
  readonly poolId: string;
  readonly state: AgentView["state"];
  readonly key: PublicJwk;
}

export interface JoinTokenRow {
  readonly projectId: string;
  readonly tokenId: string;
  readonly sealedKey: Buffer;
  readonly cidrHolds: boolean;
}

export interface NewAgent {
  readonly id: string;
  readonly name: string;
  readonly thumbprint: string;
  readonly identity: PublicJwk;
  readonly sealing: PublicJwk;
  readonly facts: Readonly<Record<string, string>>;
}

export type EnrolOutcome =
  | {
      readonly kind: "enrolled";
      readonly agentId: string;
      readonly project: string;
      readonly pool: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly state: "active" | "pending";
    }
  | { readonly kind: "spent" }
  | { readonly kind: "name_taken" }
  | { readonly kind: "key_known" };

export interface AgentStateRow {
  readonly agentId: string;
  readonly projectId: string;
  readonly state: string;
  readonly pinned: Readonly<Record<string, string>>;
  readonly idle: boolean;
}

export interface AgentStore {
  byThumbprint(thumbprint: string): Promise<AgentRow | undefined>;
  /** False where the `jti` was used before. */
  useOnce(agent: { projectId: string; agentId: string }, jti: string): Promise<boolean>;
  incarnation(): Promise<number>;
  joinToken(publicId: string, address: string): Promise<JoinTokenRow | undefined>;
  /** Counts a use and makes the agent in one transaction; the same key again gives the same agent and counts nothing. */
  enrol(token: JoinTokenRow, agent: NewAgent): Promise<EnrolOutcome>;
  securityEvent(projectId: string, kind: string, evidence: object): Promise<void>;
  spec(projectId: string, digest: string): Promise<{ canonical: string; bundle: string | undefined } | undefined>;
  hasBundle(projectId: string, sha256: string): Promise<boolean>;
  hasFile(projectId: string, sha256: string): Promise<boolean>;
  addFile(projectId: string, sha256: string, sizeBytes: number): Promise<void>;
  isLive(agent: { projectId: string; agentId: string }, attemptId: string): Promise<boolean>;

  pools(projectId: string): Promise<PoolView[]>;
  list(projectId: string): Promise<AgentView[]>;
  detail(projectId: string, ref: { readonly id: string } | { readonly name: string }): Promise<AgentDetail | undefined>;
  /** Moves the state where it is one of `from`, together with its audit record; returns whether it moved. */
  moveState(
    projectId: string,
    agentId: string,
    move: { readonly from: readonly string[]; readonly to: string; readonly audit?: AuditEntry },
  ): Promise<boolean>;
  /** Pins labels and takes off those that are null, with the audit record; false where there is no such agent or it is revoked. */
  pin(
    projectId: string,
    agentId: string,
    change: { readonly labels: Readonly<Record<string, string | null>>; readonly actor: string },
  ): Promise<boolean>;
  /** State and pinned labels of agents, for the sessions of this replica. */
  states(agentIds: readonly string[]): Promise<readonly AgentStateRow[]>;
}
