// The port of reading runs to their rows. Nothing here changes a run.
import type { AttemptState, Derived, Failure, JsonObject, JsonValue, RunState, TaskRunState } from "@capstan/proto";
import type { RunOrigin } from "../engine/again.ts";
import type { HistoryItem } from "../engine/event.ts";
import type { RunPause } from "../engine/pause.ts";
import type { Run, TaskFlags } from "../engine/snapshot.ts";

export type RunRef = { readonly id: string } | { readonly workflow: string; readonly number: number };

export interface RunRecord {
  readonly id: string;
  readonly workflowId: string;
  readonly workflow: string;
  readonly number: number;
  readonly digest: string;
  readonly state: RunState;
  readonly priority: number;
  readonly inputs: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly trigger: JsonObject;
  readonly created: string;
  readonly started: string | null;
  readonly ended: string | null;
  readonly deadline: string | null;
  readonly cancel: JsonObject | null;
  readonly pause: RunPause | null;
  readonly late: Run["late"] | null;
  readonly origin: RunOrigin | null;
  readonly outputs: JsonObject | null;
  readonly failure: (Failure & { readonly task?: string; readonly index?: number }) | null;
  /** Only where one run is read. */
  readonly taskCounts: Readonly<Partial<Record<TaskRunState, number>>> | null;
  readonly version: number | null;
  /** What its request changed in its version. */
  readonly overrides: Derived | null;
}

export interface TaskRecord {
  readonly id: string;
  readonly position: number;
  readonly key: string;
  readonly state: TaskRunState;
  readonly epoch: number;
  readonly attempts: number;
  readonly agentId: string | null;
  readonly agent: string | null;
  readonly created: string;
  readonly queued: string | null;
  readonly started: string | null;
  readonly ended: string | null;
  readonly due: string | null;
  readonly outputs: JsonObject | null;
  readonly failure: Failure | null;
  readonly reason: { readonly code: string; readonly evidence?: JsonObject } | null;
  /** Of a mapped task whose list is known: where its index task runs are. */
  readonly map: { readonly base: number; readonly total: number } | null;
  readonly flags: TaskFlags | null;
}

/** How many index task runs of a mapped task are in a state. */
export interface IndexCount {
  readonly key: string;
  readonly state: TaskRunState;
  readonly count: number;
}

export interface AttemptRecord {
  readonly id: string;
  readonly position: number;
  readonly key: string;
  readonly number: number;
  readonly epoch: number;
  readonly state: AttemptState;
  readonly agentId: string;
  readonly agent: string;
  readonly offered: string;
  readonly started: string | null;
  readonly ended: string | null;
  readonly failure: Failure | null;
  readonly result: JsonObject | null;
  readonly log: {
    readonly bytes: number;
    readonly lines: number;
    readonly state: "open" | "complete" | "incomplete" | "kept";
  } | null;
}

export interface EventRecord {
  readonly seq: number;
  readonly at: string;
  readonly item: HistoryItem;
}

export interface RunFilter {
  readonly states: readonly RunState[] | undefined;
  readonly workflows: readonly string[] | undefined;
  /** Alternatives, each one `{ key: value }`. */
  readonly labels: readonly Readonly<Record<string, string>>[] | undefined;
  readonly createdAfter: string | undefined;
  readonly createdBefore: string | undefined;
  readonly text: string | undefined;
  readonly number: number | undefined;
  readonly newestFirst: boolean;
  /** Alternatives, each with its value as text. */
  readonly inputs?: readonly { readonly key: string; readonly value: string }[] | undefined;
  /** Words of a failure. */
  readonly error?: string | undefined;
  readonly triggers?: readonly string[] | undefined;
  readonly agentIds?: readonly string[] | undefined;
  readonly durationMsMin?: number | undefined;
  readonly durationMsMax?: number | undefined;
  readonly backfillId?: string | undefined;
}

/** Task runs that wait for an agent, by pool and what they want. */
export interface QueuedTask {
  readonly runId: string;
  readonly workflow: string;
  readonly number: number;
  readonly key: string;
  readonly pool: string;
  readonly poolId: string;
  readonly selector: JsonValue;
  readonly queued: string;
}

export interface RunStore {
  find(projectId: string, ref: RunRef): Promise<RunRecord | undefined>;
  list(
    projectId: string,
    filter: RunFilter,
    page: { readonly limit: number; readonly after: string | undefined },
  ): Promise<readonly RunRecord[]>;
  /** Ids of agents by name or id; none of those that do not exist. */
  agentIds(projectId: string, agents: readonly string[]): Promise<readonly string[]>;
  /** At most 10,000. */
  count(projectId: string, filter: RunFilter): Promise<number>;
  /** Task runs by position, those from `from` on and before `below`. */
  tasks(
    projectId: string,
    runId: string,
    range?: {
      readonly from?: number;
      readonly below?: number | undefined;
      readonly states?: readonly TaskRunState[] | undefined;
      readonly limit?: number;
    },
  ): Promise<readonly TaskRecord[]>;
  /** The task run called `train`, or `train.3`. */
  task(projectId: string, runId: string, key: string): Promise<TaskRecord | undefined>;
  /** Of the task runs from a position on, how many indexes are in which state. */
  indexCounts(projectId: string, runId: string, from: number): Promise<readonly IndexCount[]>;
  /** Items of the mapped task at a position, from an index on. */
  items(projectId: string, runId: string, position: number): Promise<readonly JsonValue[]>;
  /** Of one task, or of the whole run. In the order of their start. */
  attempts(projectId: string, runId: string, position: number | undefined): Promise<readonly AttemptRecord[]>;
  events(projectId: string, runId: string, afterSeq: number, limit: number): Promise<readonly EventRecord[]>;
  /** What waits in the queue, oldest first, at most `limit`; of one run, or of the project. */
  /** Queued task runs of a project, counted up to `max`. */
  countQueued(projectId: string, max: number): Promise<number>;
  queued(projectId: string, runId: string | undefined, limit: number): Promise<readonly QueuedTask[]>;
}
