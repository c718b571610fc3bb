// Who is at the other end of an agent's connection, as the assertion proved it. Frames never say who speaks.
export interface AgentIdentity {
  readonly projectId: string;
  readonly project: string;
  readonly agentId: string;
  readonly name: string;
  readonly pool: string;
  readonly poolId: string;
  readonly state: "pending" | "active" | "draining" | "drained" | "suspended" | "revoked";
}
