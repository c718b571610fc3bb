// Limits as people ask about them: what there is, what is used, and who holds it.

export interface LimitHolder {
  readonly run: string;
  readonly task: string;
  readonly attemptId: string;
  readonly weight: number;
  /** ISO 8601. */
  readonly since: string;
  /** Of a rate: when it counts no more. */
  readonly until: string | undefined;
  /** Its agent is not heard. */
  readonly silent: boolean;
}

export interface PicturedLimit {
  /** Undefined: the project has no such limit, or the workflow says how much there is. */
  readonly capacity: number | undefined;
  readonly perMs: number | undefined;
  readonly used: number;
  /** The first holders, oldest first. */
  readonly holders: readonly LimitHolder[];
}

/** A run that waits for its concurrency group, or for its workflow to go on. */
export interface PicturedWait {
  /** Of its workflow; undefined where that is not paused. */
  readonly pause: { readonly actor: string; readonly reason: string; readonly atMs: number } | undefined;
  readonly capacity: number;
  readonly superseded: boolean;
  /** Runs that wait before it. */
  readonly ahead: number;
  /** Runs that go on, the first ones, by name. */
  readonly holders: readonly { readonly run: string; readonly since: string }[];
  readonly active: number;
}

export interface LimitPicture {
  /** Undefined where the run is in no group, or goes on. */
  groupWait(projectId: string, runId: string): Promise<PicturedWait | undefined>;
  /** By key; a limit without a row and without holders is there too. */
  limits(projectId: string, keys: readonly string[], holdersMax: number): Promise<ReadonlyMap<string, PicturedLimit>>;
}
