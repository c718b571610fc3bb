// The port of lease time: the gateway renews, the sweeper ends.

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
