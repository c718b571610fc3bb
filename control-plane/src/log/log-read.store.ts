// Port: reading stored logs within a project.
export interface ReadStream {
  readonly runId: string;
  readonly task: string;
  readonly attempt: number;
  readonly attemptId: string;
  readonly bytes: number;
  readonly lines: number;
  /** `incomplete` also where the attempt ended over a minute ago and the end of its log has not come. */
  readonly state: "open" | "complete" | "incomplete" | "kept";
  readonly sha256: string | undefined;
  readonly ended: boolean;
  /** Where a log is that its agent keeps: nothing of it is stored here. */
  readonly keptBy: { readonly agent: string; readonly store: string } | undefined;
}

export interface ReadRun {
  readonly runId: string;
  /** `hello-42` */
  readonly name: string;
  readonly state: string;
  readonly ended: boolean;
  /** Tasks whose logs stay with their agents. */
  readonly keptTasks: readonly string[];
}

export interface ReadSegment {
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly startLines: number;
  readonly lines: number;
  readonly baseMs: number;
  readonly codec: number;
  readonly flags: number;
  readonly payload: Buffer;
}

export interface LogReadStore {
  run(
    projectId: string,
    ref: { readonly id: string } | { readonly workflow: string; readonly number: number },
  ): Promise<ReadRun | undefined>;
  /** Streams of a run in the order of their start; of one task and one attempt where named. */
  hasTask(projectId: string, runId: string, task: string): Promise<boolean>;
  streams(
    projectId: string,
    run: ReadRun,
    task: string | undefined,
    attempt: number | undefined,
  ): Promise<readonly ReadStream[]>;
  /** Segments that hold lines from `fromLine` on, at most `limit` of them. */
  segments(projectId: string, attemptId: string, fromLine: number, limit: number): Promise<readonly ReadSegment[]>;
}
