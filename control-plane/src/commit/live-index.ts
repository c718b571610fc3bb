// Which run and task run a live attempt belongs to, for the reports of agents that this replica made offers to.
export interface AttemptPlace {
  readonly runId: string;
  readonly position: number;
}

/** A place with the agent that the attempt was offered to; nobody else may report on it. */
export interface OfferedPlace extends AttemptPlace {
  readonly projectId: string;
  readonly agentId: string;
}

/** A hint that saves a query. What is missing here is looked up in the table. */
export class LiveIndex {
  private readonly places = new Map<string, OfferedPlace>();
  private readonly max: number;

  constructor(max = 200_000) {
    this.max = max;
  }

  get(attemptId: string): OfferedPlace | undefined {
    return this.places.get(attemptId);
  }

  put(attemptId: string, place: OfferedPlace): void {
    if (this.places.size >= this.max) {
      const oldest = this.places.keys().next();
      if (oldest.done !== true) this.places.delete(oldest.value);
    }
    this.places.set(attemptId, place);
  }

  drop(attemptId: string): void {
    this.places.delete(attemptId);
  }
}
