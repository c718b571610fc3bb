// The end of tries as a person sees it: `onExhausted: pause` makes a task run wait for one, who grants another try, marks it
// or cancels it; and whoever does not want to wait for the next attempt asks for it now.
import type { Failure } from "@capstan/proto";
import type { Draft } from "./draft.ts";
import type { EventOutcome } from "./event.ts";
import { hold } from "./pause.ts";
import { queue } from "./task-machine.ts";

/** Reasons of queued work that no agent is asked to take before a time, or before a person says so. */
const waking: ReadonlySet<string> = new Set(["parked", "dispatch_backoff"]);

/**
 * Suspends a task run that has no try left until a person decides, where its author asked for that. False where it is to
 * fail: a run that is being cancelled waits for nobody, and neither does a hook.
 */
export function waitForPerson(draft: Draft, position: number, failure: Failure): boolean {
  const planTask = draft.planTask(position);
  if (planTask.retry.onExhausted !== "pause" || planTask.hook !== undefined || draft.run.cancel !== undefined)
    return false;
  const attempts = draft.task(position)?.attempts ?? 0;
  draft.move(position, "suspended", {
    live: undefined,
    failure,
    reason: { code: "retries_exhausted", evidence: { attempts, cause: failure.code } },
  });
  draft.tell({
    type: "task.suspended",
    task: planTask.key,
    to: "suspended",
    reason: "retries_exhausted",
    detail: { cause: failure.code, message: failure.message },
  });
  return true;
}

/** Queues a task run that waits for its next attempt, whatever it waits for. Refused where it waits for something else. */
export function retryNow(draft: Draft, position: number, actor: string): EventOutcome {
  const task = draft.task(position);
  if (task === undefined) return { kind: "not_found" };
  const code = task.reason?.code ?? "";
  const { key } = draft.planTask(position);
  if (task.state === "retrying" || (task.state === "suspended" && code === "retries_exhausted")) {
    if (task.state === "retrying") draft.clearTimer(position, "retry");
    draft.tell({ type: "task.retried", task: key, from: task.state, to: "queued", actor });
    queue(draft, position);
    return { kind: "accepted" };
  }
  // The next poll, now.
  if (task.state === "suspended" && code === "waiting_poll") {
    draft.clearTimer(position, "suspended");
    draft.tell({ type: "task.retried", task: key, from: task.state, to: "queued", actor });
    queue(draft, position);
    return { kind: "accepted" };
  }
  if (task.state === "queued" && waking.has(code)) {
    draft.clearTimer(position, "dispatch_backoff");
    draft.tell({ type: "task.retried", task: key, to: "queued", actor });
    // Asked anew of everybody: whoever refused may have been changed meanwhile.
    draft.set(position, { reason: undefined, avoid: [], tries: { ...task.tries, rejected: 0 } });
    if (draft.run.state === "paused") hold(draft, position);
    else draft.ready.push(position);
    return { kind: "accepted" };
  }
  if (task.state === "queued") return { kind: "duplicate" };
  return {
    kind: "refused",
    code: "state_conflict",
    detail: `the task run is ${task.state}; only one that waits for its next attempt can be tried now`,
    state: task.state,
  };
}
