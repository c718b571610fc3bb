// Port: streams and segments of logs.
export interface StreamAsked {
  readonly projectId: string;
  readonly attemptId: string;
  readonly agentId: string;
  readonly epoch: number;
}

export interface StreamRow {
  readonly attemptId: string;
  readonly committedBytes: number;
  readonly state: "open" | "complete" | "incomplete";
  readonly finalBytes: number | undefined;
  readonly finalSha256: string | undefined;
}

export interface Segment {
  readonly projectId: string;
  readonly attemptId: string;
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly lines: number;
  readonly baseMs: number;
  readonly codec: number;
  /** As in the frame; 2 for a gap, whose payload is its nine bytes. */
  readonly flags: number;
  readonly payload: Uint8Array;
}

export interface Ending {
  readonly projectId: string;
  readonly attemptId: string;
  readonly finalBytes: number;
  readonly finalSha256: string;
  readonly state: "open" | "complete" | "incomplete";
}

export interface LogStore {
  /** Opens streams of attempts that belong to the agent, with that epoch; others are left out of the answer. */
  open(asked: readonly StreamAsked[]): Promise<readonly StreamRow[]>;
  /**
   * Appends segments in order, all in one statement: a stream moves only where it stands at the first of its segments.
   * @returns attempts that moved, with their new length
   */
  append(segments: readonly Segment[]): Promise<ReadonlyMap<string, number>>;
  end(endings: readonly Ending[]): Promise<void>;
  /** Forgets what is stored of a stream, once, because its digest was wrong. */
  restart(projectId: string, attemptId: string): Promise<void>;
  /** Payloads in order, for the digest; gaps are left out. */
  segments(
    projectId: string,
    attemptId: string,
  ): AsyncIterable<{ readonly codec: number; readonly payload: Uint8Array }>;
  /** The result's word on its log, where the finish is stored. */
  finalOf(projectId: string, attemptId: string): Promise<{ bytes: number; sha256: string } | undefined>;
}
