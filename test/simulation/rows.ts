// The rows of a batch as `commit/batch.ts` makes them, and the tables that the simulated database keeps.
import type { Failure, JsonObject, JsonValue, RunState, TaskRunState } from "@capstan/proto";
import type { Lane } from "../../control-plane/src/dispatch/sessions.ts";
import type { HistoryItem, TimerKind } from "../../control-plane/src/engine/event.ts";
import type { GroupPlace } from "../../control-plane/src/engine/group.ts";
import type { Plan } from "../../control-plane/src/engine/plan.ts";
import type { Cancel, Effect, Run, RunFailure, Suspension, TaskRun } from "../../control-plane/src/engine/snapshot.ts";

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
  readonly pa?: Run["pause"];
  readonly cr: number;
  readonly st?: number;
  readonly en?: number;
  readonly dl?: number;
  readonly ou?: JsonObject;
  readonly f?: RunFailure;
  readonly ca?: string;
  readonly ke?: string;
  readonly rq?: string;
  readonly cw?: string;
  readonly co?: number;
  readonly ck?: string;
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

/** What `counters` of a task run holds, as far as it is looked at here. */
export interface CountersRow {
  readonly tries?: TaskRun["tries"];
  readonly stopping?: TaskRun["stopping"];
  readonly flags?: TaskRun["flags"];
  readonly suspension?: Suspension;
  readonly effect?: Effect;
  readonly map?: { readonly base: number; readonly total: number; readonly stopped?: boolean };
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
  readonly c?: CountersRow;
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
  readonly aw?: string;
}

export interface HoldRow {
  readonly p: string;
  readonly r: string;
  readonly o: number;
  readonly i: string;
  readonly k: string;
  readonly w: number;
  readonly of: number;
  readonly un?: number;
}

export interface FreeRow {
  readonly p: string;
  readonly r: string;
  readonly i: string;
}

export interface GroupRow {
  readonly p: string;
  readonly r: string;
  readonly k: string;
  readonly c: number;
  readonly s: "waiting" | "active";
  readonly su?: "waiting" | "all";
}

export interface GroupLeftRow {
  readonly p: string;
  readonly r: string;
}

export interface CacheEndRow {
  readonly p: string;
  readonly r: string;
  readonly o: number;
  readonly k: string;
  readonly ou?: JsonObject;
  readonly tt?: number;
  readonly rn?: string;
}

export interface LaneRow {
  readonly p: string;
  readonly l: string;
  readonly po: string;
  readonly se: {
    readonly executor: string;
    readonly labels: Record<string, readonly string[]>;
    readonly slots: number;
    readonly limits?: NonNullable<Lane["limits"]>;
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
  deadlineMs: number | undefined;
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
  /** Of the plan, then of the indexes of its groups. */
  readonly tasks: (StoredTask | undefined)[];
  /** Where the indexes of mapped tasks are. */
  readonly groups: GroupPlace[];
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
  readonly awaits: string | undefined;
}

export interface StoredHold {
  readonly projectId: string;
  readonly attemptId: string;
  readonly key: string;
  readonly runId: string;
  readonly position: number;
  readonly weight: number;
  readonly takenMs: number;
  readonly untilMs: number | undefined;
}

export interface StoredGroup {
  readonly projectId: string;
  readonly runId: string;
  readonly key: string;
  state: "waiting" | "active" | "superseded";
  readonly capacity: number;
}
