// The heart: what follows from one event. Pure; the commit stage writes what it returns.
//  A1. An event that changes nothing leaves the draft unchanged and says so in its outcome.
//  A2. Events of one run are applied in order to one draft; the draft is written whole or not at all.
import type { JsonObject } from "@capstan/proto";
import { decide } from "./approval.ts";
import { applyToAttempt } from "./attempt-machine.ts";
import { hearCache } from "./cache.ts";
import { Draft, type Surroundings } from "./draft.ts";
import type { EventOutcome, RunEvent } from "./event.ts";
import { neverMs } from "./hand-over.ts";
import { startHooks } from "./hooks.ts";
import { passMark } from "./late.ts";
import { markTask } from "./mark.ts";
import { hold, isHeld, pauseRun, resumeRun } from "./pause.ts";
import { beginRun, cancelRun, endCleanup, settle, stopTask } from "./run-machine.ts";
import { retryNow } from "./retry-now.ts";
import type { Run, TaskRun } from "./snapshot.ts";
import { skipSuspended, wakeSuspended } from "./suspended.ts";
import { conclude, dispatch, queue } from "./task-machine.ts";
import { timeUp } from "./time-up.ts";

/** Opens a draft on a snapshot. */
export const openDraft = (run: Run, around: Surroundings): Draft => new Draft(run, run, around);

/** Applies one event to a draft. */
export function advance(draft: Draft, event: RunEvent): EventOutcome {
  switch (event.kind) {
    case "attempt_started":
    case "attempt_rejected":
    case "attempt_finished":
    case "attempt_event":
    case "attempt_lost": {
      const outcome = applyToAttempt(draft, event);
      settle(draft);
      return outcome;
    }
    case "claimed": {
      const task = draft.task(event.position);
      if (task?.state !== "queued" || isHeld(task) || draft.ready.includes(event.position))
        return { kind: "duplicate" };
      dispatch(draft, event.position, event);
      return { kind: "accepted" };
    }
    case "timer": {
      const outcome = fire(draft, event);
      settle(draft);
      return outcome;
    }
    case "recovery":
      draft.clearTimer(-1, "recovery");
      if (event.previous !== undefined && event.previous !== "succeeded") startHooks(draft, ["onRecovery"]);
      return { kind: "accepted" };
    case "deadline":
      if (draft.run.deadlineMs > draft.around.nowMs || draft.run.state === "paused") return { kind: "duplicate" };
      return cancelRun(draft, {
        cause: "timeout",
        actor: "capstan",
        reason: "the run's timeout passed",
        atMs: draft.around.nowMs,
        force: false,
      });
    case "admit":
      if (draft.run.state !== "queued") return { kind: "duplicate" };
      beginRun(draft);
      return { kind: "accepted" };
    case "cancel_run":
      return cancelRun(draft, {
        cause: "cancelled",
        actor: event.actor,
        reason: event.reason,
        atMs: draft.around.nowMs,
        force: event.force,
      });
    case "pause_run":
      return pauseRun(draft, { actor: event.actor, reason: event.reason });
    case "resume_run": {
      const outcome = resumeRun(draft, event.actor);
      settle(draft);
      return outcome;
    }
    case "backstop": {
      // The attempt it was for may have ended since, and another may have begun.
      const live = draft.task(event.position)?.live;
      if (live?.id !== event.attemptId || live.epoch !== event.epoch) return { kind: "duplicate" };
      return stopTask(draft, event.position, "timeout") ? { kind: "accepted" } : { kind: "duplicate" };
    }
    case "mark_task": {
      const outcome = markTask(draft, event.position, event.mark);
      settle(draft);
      return outcome;
    }
    case "retry_now":
      return retryNow(draft, event.position, event.actor);
    case "decide": {
      const { outcome, verdict } = decide(draft, event);
      if (verdict !== undefined) conclude(draft, event.position, verdict);
      settle(draft);
      return outcome;
    }
    case "skip_wait":
      return skipWait(draft, event);
    case "cancel_task": {
      const state = draft.task(event.position)?.state;
      if (state === "cancelling") return { kind: "accepted" };
      if (!stopTask(draft, event.position, "cancelled")) {
        return {
          kind: "refused",
          code: "state_conflict",
          detail: `the task run has already ended: ${state ?? "it was never made"}`,
          state: state ?? "none",
        };
      }
      settle(draft);
      return { kind: "accepted" };
    }
  }
}

/** What a parent does to itself, it does to its children. A child that has ended hears nothing. */
function heardParent(
  draft: Draft,
  kind: "parent_cancel" | "parent_pause" | "parent_resume",
  body: JsonObject = {},
): EventOutcome {
  if (draft.run.endedMs !== undefined) return { kind: "duplicate" };
  const { actor = "capstan", reason = "" } = body;
  const by = { actor: String(actor), reason: String(reason) }; // written by child.ts, as texts
  if (kind === "parent_pause") return pauseRun(draft, by);
  if (kind === "parent_resume") {
    const outcome = resumeRun(draft, by.actor);
    settle(draft);
    return outcome;
  }
  return cancelRun(draft, { cause: "cancelled", ...by, atMs: draft.around.nowMs, force: false });
}

function skipWait(draft: Draft, event: Extract<RunEvent, { kind: "skip_wait" }>): EventOutcome {
  const { position, actor, reason } = event;
  const verdict = skipSuspended(draft, position);
  if (verdict === undefined) {
    const state = draft.task(position)?.state ?? "none";
    return { kind: "refused", code: "state_conflict", detail: `it waits for no time and no event: ${state}`, state };
  }
  draft.tell({ type: "task.wait_skipped", task: draft.nameOf(position), actor, reason });
  conclude(draft, position, verdict);
  settle(draft);
  return { kind: "accepted" };
}

/** Another replica saw the timer of an earlier wait, and tells of it late; this wait has its own, which stays. */
function isOfEarlierWait(
  { around }: Draft,
  task: TaskRun | undefined,
  { timer, body }: Extract<RunEvent, { kind: "timer" }>,
): boolean {
  if (timer === "retry") return task?.state === "retrying" && (task.dueMs ?? 0) > around.nowMs;
  if (task?.state !== "suspended") return false;
  if (timer === "suspended") return (task.dueMs ?? neverMs) > around.nowMs;
  const isOfChild = timer === "child_start" || timer === "child_end";
  return isOfChild && task.suspension?.kind === "child" && task.suspension.runId !== body?.["runId"];
}

function fire(draft: Draft, event: Extract<RunEvent, { kind: "timer" }>): EventOutcome {
  const { position, timer, body } = event;
  const task = draft.task(position);
  if (isOfEarlierWait(draft, task, event)) return { kind: "duplicate" };
  draft.clearTimer(position, timer);
  switch (timer) {
    case "cleanup":
      return endCleanup(draft);
    case "superseded":
      return cancelRun(draft, {
        cause: "cancelled",
        actor: "capstan",
        reason: "a newer run with the same concurrency key took its place",
        atMs: draft.around.nowMs,
        force: false,
      });
    case "retry":
      if (task?.state !== "retrying") return { kind: "duplicate" };
      queue(draft, position);
      return { kind: "accepted" };
    case "queue_timeout":
      return timeUp(draft, position, "queue");
    case "timeout_total":
      return timeUp(draft, position, "total");
    case "cache":
    case "cache_free": {
      const heard = hearCache(draft, position, timer, body);
      return { kind: heard === "changed" || conclude(draft, position, heard) ? "accepted" : "duplicate" };
    }
    case "poll_timeout":
      return timeUp(draft, position, "poll");
    case "late_start":
      return passMark(draft, position, "startWithin");
    case "late_duration":
      return passMark(draft, position, "maxDuration");
    case "late_finish":
      return passMark(draft, position, "finishBy");
    case "recovery":
      // Comes as an event of its own, with what was asked of the database.
      return { kind: "duplicate" };
    case "dispatch_backoff":
      if (task?.state !== "queued" || task.reason?.code !== "dispatch_backoff") return { kind: "duplicate" };
      if (draft.run.state === "paused") {
        hold(draft, position);
        return { kind: "accepted" };
      }
      draft.set(position, { reason: undefined });
      draft.ready.push(position);
      return { kind: "accepted" };
    case "parent_cancel":
    case "parent_pause":
    case "parent_resume":
      return heardParent(draft, timer, body);
    default: {
      // `suspended`, `suspended_timeout` and what was told to a suspended task run.
      const changed = conclude(draft, position, wakeSuspended(draft, position, timer, body));
      settle(draft);
      return { kind: changed ? "accepted" : "duplicate" };
    }
  }
}
