// Task runs that the control plane carries itself: they are `suspended`, hold no slot, and each has a timer.
//  H1. A suspended task run has the timer `suspended`: due when its own time comes, or never where it waits for something else
//      and `awaits` says for what. The run's deadline ends it in any case.
//  H2. What begins or wakes one answers a verdict; only conclude() in task-machine.ts applies it.
import { formatDuration, type CanonicalAction, type JsonObject } from "@capstan/proto";
import { approvalTimedOut, beginApproval } from "./approval.ts";
import { beginChild, cancelChild, wakeChild } from "./child.ts";
import type { Draft } from "./draft.ts";
import type { TimerKind } from "./event.ts";
import { neverMs } from "./hand-over.ts";
import type { Verdict } from "./verdict.ts";
import { beginWait, skippedWait, wakeWait } from "./wait.ts";

/** Begins to wait, or ends at once. */
export function beginSuspended(draft: Draft, position: number): Verdict {
  const { action } = draft.planTask(position).task;
  const verdict = guarded(() => beginAction(draft, position, action));
  const { timeoutMs } = draft.planTask(position);
  if (verdict.kind === "suspend" && timeoutMs !== undefined) {
    draft.setTimer(position, "suspended_timeout", draft.around.nowMs + timeoutMs);
  }
  return verdict;
}

function beginAction(draft: Draft, position: number, action: CanonicalAction): Verdict {
  if ("wait" in action) return beginWait(draft, position, action.wait);
  if ("approval" in action) return beginApproval(draft, position, action.approval);
  if ("workflow" in action) return beginChild(draft, position, action.workflow);
  throw new Error(`task ${draft.planTask(position).key} is not carried by the control plane`);
}

/** A timer of a suspended task run, or something that was told to it. */
export function wakeSuspended(draft: Draft, position: number, timer: TimerKind, body: JsonObject | undefined): Verdict {
  const task = draft.task(position);
  if (task?.state !== "suspended" || task.suspension === undefined) return { kind: "nothing" };
  const planTask = draft.planTask(position);
  if (task.suspension.kind === "poll") return timer === "suspended" ? { kind: "queue" } : { kind: "nothing" };
  if (timer === "suspended_timeout") {
    cancelChild(draft, position, { actor: "capstan", reason: `the timeout of ${planTask.key} passed` });
    const after = planTask.timeoutMs === undefined ? "" : ` of ${formatDuration(planTask.timeoutMs)}`;
    return { kind: "failed", failure: { class: "timeout", code: "timeout", message: `its timeout${after} passed` } };
  }
  const { suspension } = task;
  const { action } = planTask.task;
  return guarded(() => {
    if ("wait" in action) return wakeWait(draft, position, action.wait, suspension, timer, body);
    if ("workflow" in action) return wakeChild(draft, position, action.workflow, suspension, timer, body);
    if ("approval" in action && timer === "suspended") return approvalTimedOut(draft, position, action.approval);
    return { kind: "nothing" };
  });
}

/** The end of a wait by hand; undefined where there is none to end. */
export function skipSuspended(draft: Draft, position: number): Verdict | undefined {
  const { action } = draft.planTask(position).task;
  if (draft.task(position)?.state !== "suspended" || !("wait" in action)) return undefined;
  return { kind: "succeeded", outputs: skippedWait(draft, action.wait) };
}

/** Takes away what a task run waited for. Call it whenever one leaves `suspended`. */
export function endSuspension(draft: Draft, position: number): void {
  draft.clearTimer(position, "suspended");
  if (draft.planTask(position).timeoutMs !== undefined) draft.clearTimer(position, "suspended_timeout");
}

/** Keeps what a verdict holds. */
export function suspend(draft: Draft, position: number, verdict: Extract<Verdict, { kind: "suspend" }>): void {
  const { suspension, reason, dueMs, awaits } = verdict;
  const { state: from, startedMs } = draft.task(position) ?? {};
  if (from === "suspended") draft.set(position, { suspension, reason, dueMs });
  else {
    draft.move(position, "suspended", { suspension, reason, dueMs, startedMs: startedMs ?? draft.around.nowMs });
    draft.tell({
      type: "task.suspended",
      task: draft.nameOf(position),
      ...(from === undefined ? {} : { from }),
      to: "suspended",
      reason: reason.code,
      ...(reason.evidence === undefined ? {} : { detail: reason.evidence }),
    });
  }
  draft.setTimer(position, "suspended", dueMs ?? neverMs, awaits === undefined ? {} : { awaits });
}

/** An expression that fails ends the task run; anything else is a bug of ours and fails the decision. */
function guarded(decide: () => Verdict): Verdict {
  try {
    return decide();
  } catch (error) {
    if (!isExpressionError(error)) throw error;
    return { kind: "failed", failure: { class: "expression", code: "expression_failed", message: error.message } };
  }
}

const isExpressionError = (error: unknown): error is Error =>
  error instanceof Error &&
  "code" in error &&
  (error.code === "expression_failed" || error.code === "expression_timeout");
