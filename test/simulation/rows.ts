// The rows of a batch as `commit/batch.ts` makes them, and the tables that the simulated database keeps.
import type { Failure, JsonObject, JsonValue, RunState, TaskRunState } from "@capstan/proto";
import type { HistoryItem, TimerKind } from "../../control-plane/src/engine/event.ts";
import type { Plan } from "../../control-plane/src/engine/plan.ts";
import type { Cancel, Run, RunFailure, TaskRun } from "../../control-plane/src/engine/snapshot.ts";

export interface StartRow {
  readonly p: string;
  readonly r: string;
  readonly w: string;
  readonly d: string;
  readonly s: RunState;
  readonly es: number;
  readonly pr: number;
  readonly inp: JsonObject;
  readonly lab: Readonly<Record<string, string>>;
  readonly tr: JsonObject;
  readonly og?: Run["origin"];
  readonly cr: number;
  readonly st?: number;
  readonly en?: number;
  readonly dl: number;
  readonly ou?: JsonObject;
  readonly f?: RunFailure;
  readonly ca?: string;
  readonly ke?: string;
  readonly rq?: string;
  readonly it: readonly HistoryItem[];
}

export interface AdvanceRow {
  readonly p: string;
  readonly r: string;
  readonly v: number;
  readonly s: RunState;
  readonly es: number;
  readonly st?: number;
  readonly en?: number;
  readonly cn?: Cancel;
  readonly pa?: Run["pause"];
  readonly la?: Run["late"];
  readonly dl?: number;
  readonly ou?: JsonObject;
  readonly f?: RunFailure;
  readonly fs?: number;
  readonly it?: readonly HistoryItem[];
}

export interface TaskRow {
  readonly n?: true;
  readonly r: string;
  readonly o: number;
  readonly i?: string;
  readonly cr?: number;
  readonly s: TaskRunState;
  readonly e: number;
  readonly a: number;
  readonly c?: object;
  readonly at?: string;
  readonly ag?: string;
  readonly q?: number;
  readonly st?: number;
  readonly en?: number;
  readonly du?: number;
  readonly ou?: JsonObject;
  readonly f?: Failure;
  readonly re?: TaskRun["reason"];
  /** The list of a mapped task, in the first row that has it. */
  readonly it?: readonly JsonValue[];
}

export interface AttemptRow {
  readonly n?: true;
  readonly p: string;
  readonly r: string;
  readonly o: number;
  readonly i: string;
  readonly nu?: number;
  readonly e?: number;
  readonly ag: string;
  readonly se?: number;
  readonly s: string;
  readonly of?: number;
  readonly st?: number;
  readonly en?: number;
  readonly f?: Failure;
  readonly re?: JsonObject;
  readonly sq?: number;
  readonly l?: number;
  readonly b?: number;
}

export interface QueueRow {
  readonly d?: true;
  readonly p: string;
  readonly r: string;
  readonly o: number;
  readonly l: string;
  readonly pr: number;
  readonly pa: number;
  readonly le: number;
  readonly av?: readonly string[];
}

export interface TimerRow {
  readonly p: string;
  readonly r: string;
  readonly o: number;
  readonly k: TimerKind;
  readonly du?: number;
  /** For another run than the one that writes it. */
  readonly tr?: string;
  readonly b?: JsonObject;
}

export interface LaneRow {
  readonly p: string;
  readonly l: string;
  readonly po: string;
  readonly se: {
    readonly executor: string;
    readonly labels: Record<string, readonly string[]>;
    readonly slots: number;
  };
}

/** A row of `runs` with its task runs. */
export interface StoredRun {
  readonly id: string;
  readonly projectId: string;
  readonly workflowId: string;
  readonly plan: Plan;
  readonly number: number;
  readonly priority: number;
  readonly inputs: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly trigger: JsonObject;
  readonly createdMs: number;
  deadlineMs: number;
  readonly origin: Run["origin"];
  pause: Run["pause"];
  late: Run["late"];
  state: RunState;
  version: number;
  eventSeq: number;
  startedMs: number | undefined;
  endedMs: number | undefined;
  cancel: Cancel | undefined;
  outputs: JsonObject | undefined;
  failure: RunFailure | undefined;
  readonly tasks: (StoredTask | undefined)[];
}

/** A row of `task_runs`: the last one written, with what only the first has. */
export interface StoredTask extends TaskRow {
  readonly id: string;
  readonly createdMs: number;
}

export interface StoredLive {
  readonly id: string;
  readonly runId: string;
  readonly position: number;
  readonly number: number;
  readonly epoch: number;
  readonly agentId: string;
  readonly session: number;
  readonly seq: number;
  readonly leaseMs: number;
  readonly offeredMs: number;
  state: string;
  startedMs: number | undefined;
  backstopMs: number | undefined;
}

export interface StoredAttempt {
  readonly id: string;
  readonly runId: string;
  readonly position: number;
  readonly number: number;
  readonly epoch: number;
  readonly agentId: string;
  readonly session: number;
  readonly state: string;
  readonly startedMs: number | undefined;
  readonly endedMs: number;
  readonly failure: Failure | undefined;
  readonly result: JsonObject | undefined;
}

export interface StoredQueue {
  readonly projectId: string;
  readonly runId: string;
  readonly position: number;
  readonly laneId: string;
  readonly priority: number;
  readonly pass: number;
  readonly leaseMs: number;
  readonly avoid: readonly string[];
  takenUntilMs: number | undefined;
}

export interface StoredSession {
  readonly agentId: string;
  session: number;
  connectNo: number;
  renewedMs: number;
  bootId: string;
  state: string;
}

export interface StoredTimer {
  readonly projectId: string;
  readonly runId: string;
  readonly position: number;
  readonly kind: TimerKind;
  readonly dueMs: number;
  readonly body: JsonObject | undefined;
}
