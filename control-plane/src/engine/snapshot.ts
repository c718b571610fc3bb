// What the engine sees of a run: exactly its rows, and counters that follow from them.
//  S1. A snapshot is never changed; advance() makes a new one that shares what did not change.
//  S2. Everything here can be rebuilt from runs, task_runs and the live attempts.
import type { Failure, JsonObject, JsonValue, RunState, TaskRunState } from "@capstan/proto";
import type { GroupPlace, MapState } from "./group.ts";
import { pageAt, type Pages } from "./pages.ts";
import type { ReusedFrom, RunOrigin } from "./again.ts";
import type { LateMark } from "./late.ts";
import type { Mark } from "./marked.ts";
import type { RunPause } from "./pause.ts";
import type { Plan, PlanTask } from "./plan.ts";
import type { TimeUp } from "./time-up-failure.ts";

/**
 * What an ended task run is to those that need it (docs/language.md, "What an ended task is to those that need it").
 */
export type Effect = "ok" | "tolerated" | "fail" | "cancel" | "skip";

/** The attempt that an agent may be executing. At most one per task run. */
export interface LiveAttempt {
  readonly id: string;
  readonly number: number;
  readonly epoch: number;
  readonly agentId: string;
  readonly session: number;
  readonly seq: number;
  readonly state: "offered" | "running";
  readonly offeredMs: number;
  readonly startedMs: number | undefined;
  /** Number of the last event of the task that was taken. */
  readonly eventSeq: number;
}

/** Tries by who pays for them. */
export interface Tries {
  /** Tries that count against `retry.attempts`, the running one included. */
  readonly paid: number;
  readonly lost: number;
  /** Free tries: ended before user code. */
  readonly setup: number;
  readonly rejected: number;
  readonly unstarted: number;
}

export const noTries: Tries = { paid: 0, lost: 0, setup: 0, rejected: 0, unstarted: 0 };

/** How the needs of a waiting task run stand. `open` are those not ended. */
export interface NeedCounts {
  readonly open: number;
  readonly ok: number;
  readonly tolerated: number;
  readonly fail: number;
  readonly cancel: number;
  readonly skip: number;
}

/** What is said about a task run beside its state. */
export interface TaskFlags {
  /** It was executed in an earlier run; this one took its outputs. */
  readonly reused?: ReusedFrom;
  /** An equal task run of this run gave its outputs (cache.ts). */
  readonly cached?: ReusedFrom;
  /** Marks of `sla` that it passed. */
  readonly late?: readonly LateMark[];
  /** A person ended it. */
  readonly marked?: { readonly actor: string; readonly reason: string };
}

/** What a task run waits for while it is suspended, and what is kept of it beyond that. Times are Unix ms. */
export type Suspension =
  | { readonly kind: "time"; readonly untilMs: number }
  | { readonly kind: "event"; readonly type: string; readonly untilMs?: number }
  | { readonly kind: "approval"; readonly approved: readonly string[] }
  | { readonly kind: "child"; readonly runId: string }
  | HeldState
  /** A back-off between two children. */
  | { readonly kind: "again" }
  | PollState
  /** A task run with `cache`: it asks for its key, or holds it and is at work. */
  | { readonly kind: "cache"; readonly key: string; readonly held: boolean };

/** Of a task whose outputs leave their class only after somebody agreed (declassify.ts). */
export interface HeldState {
  readonly kind: "declassify";
  /** The attempt that made them, and the store that has them. */
  readonly attemptId: string;
  readonly store: string;
  /** Those that need nobody's word. */
  readonly outputs: JsonObject;
  /** Who agreed; nobody while it is asked. */
  readonly approved: readonly string[];
}

/** Of a sensor, kept from poll to poll (poll.ts). */
export interface PollState {
  readonly kind: "poll";
  /** Polls that have ended. */
  readonly polls: number;
  /** Failed ones since the last that did not. */
  readonly errors: number;
  /** What the last poll that gave one left for the next. */
  readonly cursor: JsonValue;
}

export interface TaskRun {
  readonly id: string;
  readonly position: number;
  readonly state: TaskRunState;
  /** Last epoch given; grows with every offer. */
  readonly epoch: number;
  /** Attempts made, rejected offers included. */
  readonly attempts: number;
  readonly tries: Tries;
  readonly needs: NeedCounts;
  readonly live: LiveAttempt | undefined;
  /** Agent of the last attempt. */
  readonly agentId: string | undefined;
  /** Agents to be taken last, or not at all until their class changes. */
  readonly avoid: readonly string[];
  readonly createdMs: number;
  readonly queuedMs: number | undefined;
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
  /** When the back-off of `retrying` ends. */
  readonly dueMs: number | undefined;
  /** Why the live attempt was told to stop: somebody cancelled, or a time of it is up. */
  readonly stopping: "cancelled" | TimeUp | undefined;
  /** When its times are up or its marks are passed; moved by pauses. Undefined for the many that have none. */
  readonly times:
    | { readonly totalMs?: number; readonly startMs?: number; readonly durationMs?: number; readonly pollMs?: number }
    | undefined;
  /** What it ends as once its attempt has been stopped. */
  readonly mark: Mark | undefined;
  /** Undefined for the many that have none. */
  readonly flags: TaskFlags | undefined;
  readonly suspension: Suspension | undefined;
  readonly effect: Effect | undefined;
  readonly outputs: JsonObject | undefined;
  readonly failure: Failure | undefined;
  /** Why it does not run, or why it was skipped: code, and evidence where the code needs some. */
  readonly reason: { readonly code: string; readonly evidence?: JsonObject } | undefined;
  /** For a mapped task whose list was computed. */
  readonly map: MapState | undefined;
}

export interface Cancel {
  readonly cause: "cancelled" | "timeout";
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
  readonly force: boolean;
}

/** A failure of a run names its first failed task run. */
export interface RunFailure extends Failure {
  readonly task: string;
  /** Where that is mapped: its first failed index. */
  readonly index?: number;
  readonly attempt?: number;
  readonly agentId?: string;
}

export interface Run {
  readonly projectId: string;
  readonly project: string;
  readonly id: string;
  readonly workflowId: string;
  readonly number: number;
  readonly plan: Plan;
  readonly state: RunState;
  /** Grows by one with every commit; guards the cached snapshot. */
  readonly version: number;
  /** Number of the last history item. */
  readonly eventSeq: number;
  readonly priority: number;
  readonly inputs: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly trigger: JsonObject;
  /** The run that it repeats, and how. */
  readonly origin: RunOrigin | undefined;
  readonly createdMs: number;
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
  readonly deadlineMs: number;
  readonly cancel: Cancel | undefined;
  /** Marks of `sla` that it passed; undefined for a run that is not late. */
  readonly late: readonly LateMark[] | undefined;
  /** Undefined for a run that never was paused. */
  readonly pause: RunPause | undefined;
  readonly outputs: JsonObject | undefined;
  readonly failure: RunFailure | undefined;
  /** By position; hooks are undefined until their event makes them. */
  readonly tasks: readonly (TaskRun | undefined)[];
  /** Index task runs of mapped tasks, by position less the size of the plan; what has not begun is undefined. */
  readonly indexRuns: Pages<TaskRun>;
  /** In the order of their bases, without gaps: the first begins behind the plan. */
  readonly groups: readonly GroupPlace[];
  /** Task runs of the graph, and hooks, that have not ended. */
  readonly openTasks: number;
  readonly openHooks: number;
}

/** True while a task run asks for its key of the cache: it is queued, in no queue, and nobody may have it. */
export const asksCache = (task: Pick<TaskRun, "suspension">): boolean =>
  task.suspension?.kind === "cache" && !task.suspension.held;

/** The task run at a position of the plan, or of an index. */
export function taskAt(run: Run, position: number): TaskRun | undefined {
  const planned = run.plan.tasks.length;
  return position < planned ? run.tasks[position] : pageAt(run.indexRuns, position - planned);
}

/** The group that a position is an index of; undefined for a position of the plan. */
export function groupAt(run: Pick<Run, "groups" | "plan">, position: number): GroupPlace | undefined {
  if (position < run.plan.tasks.length) return undefined;
  return run.groups.find((group) => position < group.base + group.size);
}

/** The task of a position; of an index, that of its group. */
export function planTaskAt(run: Pick<Run, "groups" | "plan">, position: number): PlanTask | undefined {
  const group = groupAt(run, position);
  return run.plan.tasks[group?.position ?? position];
}

/** `train`, or `train.3` for an index. */
export function nameAt(run: Pick<Run, "groups" | "plan">, position: number): string | undefined {
  const group = groupAt(run, position);
  const key = run.plan.tasks[group?.position ?? position]?.key;
  return group === undefined || key === undefined ? key : `${key}.${position - group.base}`;
}

/** True when nothing about the run can change any more, hooks included. */
export const isSettled = (run: Run): boolean => run.endedMs !== undefined && run.openTasks === 0 && run.openHooks === 0;
