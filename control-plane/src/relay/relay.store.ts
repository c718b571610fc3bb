// The port of the relay to its rows.

export interface Relayed {
  /** True where there may be more. */
  readonly isFull: boolean;
  /** Starts of runs that are due now. */
  readonly fired: number;
  /** Messages to endpoints. */
  readonly told: number;
  /** Whether anybody listens to the event log at all. */
  readonly isListened: boolean;
}

export interface RelayStore {
  /**
   * Reads the event log from where it was left, and writes what follows from it, with the new place, in one transaction.
   * Does nothing where another replica is at it. Nothing is read twice, and a transaction that is still open is waited for.
   */
  relay(limit: number): Promise<Relayed>;
}
