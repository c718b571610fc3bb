// What can happen to a run. Every event is data; where it came from is the caller's business.
import type { Failure, JsonObject, JsonValue, RunState, ValueProblem } from "@capstan/proto";
import type { Mark } from "./marked.ts";

/** Who reports: the fence of every report of an agent. */
export interface Reporter {
  readonly agentId: string;
  readonly session: number;
}

/** An attempt by its fencing pair. */
export interface AttemptRef {
  readonly attemptId: string;
  readonly epoch: number;
  /** Where the caller knows the task run; otherwise it is looked for. */
  readonly position?: number;
}

export interface FinishResult {
  readonly outcome: "succeeded" | "failed" | "timed_out" | "cancelled" | "lost";
  /** Class, code and message where the outcome is not a success. */
  readonly failure?: Failure;
  /** The task said: skip me (exit 77). */
  readonly skip?: boolean;
  /** Of a poll: what it looks for is not there. */
  readonly notYet?: boolean;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly outputs?: JsonObject;
  readonly held?: {
    readonly store: string;
    readonly outputs: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
  };
  readonly summary?: string;
  /** The task's own word about another try; undefined where it said nothing. */
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  /** For `lost`: false only where the agent knows that user code never began. */
  readonly mayHaveStarted?: boolean;
  readonly startedMs?: number;
  readonly endedMs?: number;
  readonly usage?: JsonObject;
  readonly log?: { readonly bytes: number; readonly sha256: string; readonly gaps: number; readonly store?: string };
}

export type RunEvent =
  | ({ readonly kind: "attempt_started"; readonly by: Reporter; readonly atMs: number } & AttemptRef)
  | ({
      readonly kind: "attempt_rejected";
      readonly by: Reporter;
      readonly reason: string;
      readonly detail: string;
    } & AttemptRef)
  | ({ readonly kind: "attempt_finished"; readonly by: Reporter; readonly result: FinishResult } & AttemptRef)
  /** Progress, metrics, notes of a task: appended to the run's events, changes no state. */
  | ({
      readonly kind: "attempt_event";
      readonly by: Reporter;
      readonly seq: number;
      readonly atMs: number;
      readonly type: string;
      readonly body: JsonObject;
    } & AttemptRef)
  /** The control plane's own conclusion, or the agent's word that it does not have the attempt. */
  | ({
      readonly kind: "attempt_lost";
      readonly cause: "lease_over" | "host_rebooted" | "agent_revoked" | "agent_forgot" | "offer_lost" | "given_back";
    } & AttemptRef)
  /** A dispatcher took the queued task run for an agent; the engine makes the attempt. */
  | {
      readonly kind: "claimed";
      readonly position: number;
      readonly agentId: string;
      readonly session: number;
      readonly seq: number;
    }
  | { readonly kind: "timer"; readonly position: number; readonly timer: TimerKind; readonly body?: JsonObject }
  /** How the run of this workflow ended that was before this one; undefined where there was none. */
  | { readonly kind: "recovery"; readonly previous: RunState | undefined }
  | { readonly kind: "deadline" }
  /** The run's concurrency group has room: the queued run goes on. Decided under the group's lock. */
  | { readonly kind: "admit" }
  /** The runner should have stopped the attempt at its timeout and has not said so for grace and a minute. */
  | ({ readonly kind: "backstop"; readonly position: number } & AttemptRef)
  | {
      readonly kind: "cancel_run";
      readonly actor: string;
      readonly reason: string;
      readonly force: boolean;
      readonly graceMs?: number;
    }
  | { readonly kind: "pause_run"; readonly actor: string; readonly reason: string }
  | { readonly kind: "resume_run"; readonly actor: string }
  | { readonly kind: "mark_task"; readonly position: number; readonly mark: Mark }
  /** A person does not want to wait for the next attempt, or decides that there is one more. */
  | { readonly kind: "retry_now"; readonly position: number; readonly actor: string }
  /** A person ends a wait before its time. */
  | { readonly kind: "skip_wait"; readonly position: number; readonly actor: string; readonly reason: string }
  /** A person's answer to an approval. `principals`: what the person may answer as (`user:ana`, `role:operator`). */
  | {
      readonly kind: "decide";
      readonly position: number;
      readonly decision: "approved" | "rejected";
      readonly actor: string;
      readonly principals: readonly string[];
      readonly comment: string;
      readonly form: JsonObject;
    }
  | { readonly kind: "cancel_task"; readonly position: number; readonly actor: string; readonly reason: string };

/** A slot promised on a session; `seq` numbers the offer. */
export interface Slot {
  readonly agentId: string;
  readonly session: number;
  readonly seq: number;
}

/**
 * Timers of a run's parts: the end of a back-off, of a round of refused offers, of the time for cleanup; the times of a task
 * run; marks of lateness; and a look at the run before this one, which needs no time to pass.
 */
export const timerKinds = [
  "retry",
  "superseded",
  "dispatch_backoff",
  "cleanup",
  "queue_timeout",
  "timeout_total",
  "poll_timeout",
  "cache",
  "cache_free",
  "late_start",
  "late_duration",
  "late_finish",
  "recovery",
] as const;

/**
 * Of a suspended task run: what it waits for (`suspended`) and its timeout; `event:<id>` is one event that was told to it,
 * and what runs tell each other is a timer too.
 */
export type TimerKind =
  | (typeof timerKinds)[number]
  | "suspended"
  | "suspended_timeout"
  | `event:${string}`
  | HandOverKind;

/** What one run tells another, and the starts that a parent (child.ts), a schedule, a backfill or another trigger asks for. */
export type HandOverKind =
  | "trigger_start"
  | "backfill_start"
  | "schedule_start"
  | "child_start"
  | "child_end"
  | "parent_cancel"
  | "parent_pause"
  | "parent_resume";

/** What an event came to. `lease_lost`: an older epoch, an ended attempt or another session; nothing changed. */
export type EventOutcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "duplicate" }
  | { readonly kind: "lease_lost" }
  | { readonly kind: "expect"; readonly seq: number }
  | {
      readonly kind: "invalid";
      readonly code: string;
      readonly detail: string;
      readonly problems?: readonly ValueProblem[];
    }
  /** Who asks is not among those who may. */
  | { readonly kind: "forbidden"; readonly detail: string }
  | { readonly kind: "refused"; readonly code: "state_conflict"; readonly detail: string; readonly state: string }
  | { readonly kind: "not_found" }
  /** A claim that found a limit without room: the task run stays queued. */
  | { readonly kind: "no_room"; readonly key: string };

/** One item of the run's history, as stored in `run_events.items` and told by the live stream. */
export interface HistoryItem {
  /** `run.started`, `task.succeeded`, `attempt.offered` … */
  readonly type: string;
  /** Task key, where it concerns a task run. */
  readonly task?: string;
  readonly from?: string;
  readonly to?: string;
  readonly attempt?: string;
  readonly epoch?: number;
  readonly agent?: string;
  readonly actor?: string;
  readonly reason?: string;
  readonly detail?: JsonValue;
}
