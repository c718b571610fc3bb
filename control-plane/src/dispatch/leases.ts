// The port of lease time: the gateway renews, the sweeper ends.
export const LEASES = Symbol("Leases");

/** Margin after a lease before somebody else may have the task run: 15 s + 0.2 % (agent protocol §4.1). */
export const leaseMarginMs = (leaseMs: number): number => 15_000 + Math.ceil(leaseMs / 500);

export interface Renewal {
  readonly projectId: string;
  readonly agentId: string;
  readonly session: number;
  readonly heartbeat: number;
}

export interface Leases {
  /**
   * Renews under the current session only; group-committed. Resolves true after the commit, false where the session is
   * no longer current. `heartbeat.ack` follows it, never precedes it.
   */
  renew(renewal: Renewal): Promise<boolean>;
}
