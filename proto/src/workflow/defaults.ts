// The defaults of language version 1, with the numbers of its reference. They never change: a canonical document
// leaves them out, so another number here would give an old version another meaning.
import type { Takes } from "../agent/resources.ts";
import type { CanonicalTask, CanonicalWorkflow, Expr, JoinKind } from "./canonical.ts";
import { statusCallsIn } from "../expression/references.ts";

const second = 1000;
const minute = 60 * second;

export const defaultLeaseMs = 5 * minute;
export const defaultGraceMs = 10 * second;
export const defaultPriority = 3;
export const defaultRunTimeoutMs = 24 * 60 * minute;
export const defaultCleanupTimeoutMs = 10 * minute;
/** A notifier hook has less time and more tries than a task. */
export const hookTimeoutMs = 20 * second;
export const hookAttempts = 5;

export interface RetryPolicy {
  readonly attempts: number;
  readonly delayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  readonly jitter: number;
  readonly backoff: "exponential" | "fixed";
  readonly causes: readonly string[];
  readonly except: readonly string[];
  readonly lost: number;
  readonly onExhausted: "fail" | "pause";
}

const defaultRetry: RetryPolicy = {
  attempts: 1,
  delayMs: 10 * second,
  factor: 2,
  maxDelayMs: 10 * minute,
  jitter: 0.2,
  backoff: "exponential",
  causes: ["error", "timeout", "oom"],
  except: [],
  lost: 1,
  onExhausted: "fail",
};

/** The whole retry policy of a task. */
export const retryOf = (task: CanonicalTask): RetryPolicy =>
  task.retry === undefined ? defaultRetry : { ...defaultRetry, ...task.retry };
export const leaseMsOf = (task: CanonicalTask): number => task.leaseMs ?? defaultLeaseMs;
/** TERM to KILL. Never above half the lease, which the checker refuses where both are written. */
export const graceMsOf = (task: CanonicalTask): number => Math.min(task.graceMs ?? defaultGraceMs, leaseMsOf(task) / 2);
/** Time of one attempt; undefined: as long as its run. */
export const timeoutMsOf = (task: CanonicalTask): number | undefined => task.timeoutMs;
export const slotsOf = (task: CanonicalTask): number => task.resources?.slots ?? 1;

/** What one attempt takes of its agent's host beside slots; undefined: nothing that is counted. */
export function takesOf(task: CanonicalTask): Takes | undefined {
  const { cpu = 0, memory = 0, gpu = 0, disk = 0 } = task.resources ?? {};
  const takes: Takes = {
    ...(cpu === 0 ? {} : { cpu }),
    ...(memory === 0 ? {} : { memoryBytes: memory }),
    ...(gpu === 0 ? {} : { gpu }),
    ...(disk === 0 ? {} : { diskBytes: disk }),
  };
  return Object.keys(takes).length === 0 ? undefined : takes;
}
export const onLostOf = (task: CanonicalTask): "retry" | "fail" => task.onLost ?? "retry";
export const onLeaseEndOf = (task: CanonicalTask): "stop" | "continue" => task.onLeaseEnd ?? "stop";
/** Literal priority of a task; undefined: its run's. */
export const priorityOf = (task: CanonicalTask): number | undefined => task.priority;
/** The lowest and the highest number of a priority; 1 comes first. */
export const priorityMin = 1;
export const priorityMax = 5;
/** Attempts at once of a task with `concurrency`. */
export const defaultConcurrencyLimit = 1;
/** Runs of a group that may wait. */
export const defaultQueuedMax = 1000;
export const onLogFullOf = (task: CanonicalTask): "block" | "drop" => task.logs?.onFull ?? "block";
export const runTimeoutMsOf = (document: CanonicalWorkflow): number => document.timeoutMs ?? defaultRunTimeoutMs;
export const cleanupTimeoutMsOf = (document: CanonicalWorkflow): number =>
  document.cleanupTimeoutMs ?? defaultCleanupTimeoutMs;

export interface PollPolicy {
  readonly everyMs: number;
  readonly backoff: number;
  readonly maxEveryMs: number;
  readonly until: Expr | undefined;
  readonly maxErrors: number;
  readonly timeoutMs: number | undefined;
}

const defaultPollEveryMs = 30 * second;
const defaultPollMaxEveryMs = 10 * minute;

/** How a sensor polls; undefined for a task that is none. */
export function pollOf({ poll }: Pick<CanonicalTask, "poll">): PollPolicy | undefined {
  if (poll === undefined) return undefined;
  const everyMs = poll.everyMs ?? defaultPollEveryMs;
  return {
    everyMs,
    backoff: poll.backoff ?? 1,
    maxEveryMs: poll.maxEveryMs ?? Math.max(defaultPollMaxEveryMs, everyMs),
    until: poll.until,
    maxErrors: poll.maxErrors ?? 3,
    timeoutMs: poll.timeoutMs,
  };
}

/** How a task joins its needs: as written; `all_done` where its `if` asks for a status by itself; else `all_success`. */
export function joinOf(task: CanonicalTask): JoinKind {
  if (task.join !== undefined) return task.join;
  return task.if !== undefined && statusCallsIn(task.if.$expr).length > 0 ? "all_done" : "all_success";
}

/** A cleanup task goes on when its run is cancelled or out of time: its `if` calls `always()` or `cancelled()`. */
export const isCleanup = (task: CanonicalTask): boolean =>
  task.if !== undefined && statusCallsIn(task.if.$expr).some((name) => name === "always" || name === "cancelled");

/** What decides whether a task starts: its join over the needs, then its `if`. */
export interface TaskCondition {
  readonly join: JoinKind;
  readonly if: Expr | undefined;
  /** Goes on when its run is cancelled or out of time. */
  readonly cleanup: boolean;
}

const conditions = new WeakMap<CanonicalTask, TaskCondition>();

/** The condition of a task, made once. */
export function conditionOf(task: CanonicalTask): TaskCondition {
  let condition = conditions.get(task);
  if (condition === undefined) {
    condition = { join: joinOf(task), if: task.if, cleanup: isCleanup(task) };
    conditions.set(task, condition);
  }
  return condition;
}
