// Sensors: a task with `poll` is a short attempt every now and then, until what it looks for is there (docs/language.md,
// "Sensors").
//  O1. Between two polls the task run is `suspended` with a timer; it holds no slot, no limit and no place of its group.
//  O2. A poll that found nothing, or failed, spends nothing of `retry`. So many failures in a row as `maxErrors` says end
//      the task run; a failure that no try pays for (outputs of a wrong type, a policy) ends it at once.
//  O3. What is kept from poll to poll stands in `suspension` as long as the task run lives, attempts included.
import {
  AppError,
  evaluateCondition,
  failureClasses,
  formatTime,
  scopeFor,
  type Failure,
  type JsonObject,
  type JsonValue,
  type PollPolicy,
} from "@capstan/proto";
import { controlContext } from "./context.ts";
import type { Draft } from "./draft.ts";
import type { FinishResult } from "./event.ts";
import { noTries, type PollState, type TaskRun } from "./snapshot.ts";
import type { Verdict } from "./verdict.ts";

/** A cursor goes into every offer of its task, and into the row of the task run. */
export const cursorBytesMax = 64 * 1024;

const unpolled: PollState = { kind: "poll", polls: 0, errors: 0, cursor: null };

export const pollStateOf = (task: Pick<TaskRun, "suspension"> | undefined): PollState =>
  task?.suspension?.kind === "poll" ? task.suspension : unpolled;

/** What a poll came to that its program ended well: with outputs, checked already. */
export function pollEnded(
  draft: Draft,
  position: number,
  policy: PollPolicy,
  { outputs, notYet }: { readonly outputs: JsonObject; readonly notYet: boolean },
): Verdict {
  const before = pollStateOf(draft.task(position));
  const polls = before.polls + 1;
  const given: JsonValue = outputs["cursor"] ?? before.cursor;
  const bytes = JSON.stringify(given).length;
  if (bytes > cursorBytesMax) {
    const message = `output cursor has ${bytes} bytes as JSON, and at most ${cursorBytesMax} go from poll to poll`;
    return { kind: "failed", failure: { class: "output", code: "output_too_large", message } };
  }
  const next: PollState = { kind: "poll", polls, errors: 0, cursor: given };
  if (notYet) return waitForNext(draft, policy, next);
  if (policy.until !== undefined) {
    try {
      const context = {
        ...controlContext(draft, position),
        result: outputs,
        cursor: before.cursor,
        poll: polls,
      };
      const scope = scopeFor(draft.run.plan.document, draft.planTask(position).key, "poll");
      if (!evaluateCondition(policy.until, context, { scope })) return waitForNext(draft, policy, next);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const message = `poll.until: ${error.message}`;
      return { kind: "failed", failure: { class: "expression", code: "expression_failed", message } };
    }
  }
  return { kind: "succeeded", outputs: { ...outputs, polls } };
}

/** What a poll came to that failed; undefined where the failure is not the poll's but is treated as that of any attempt. */
export function pollFailed(
  draft: Draft,
  position: number,
  policy: PollPolicy,
  failure: Failure,
  result: FinishResult,
): Verdict | undefined {
  // Before user code, or paid by nobody: nothing was looked at, and the next poll would come to the same.
  if (failureClasses[failure.class].payer !== "attempts" || result.retryable === false) return undefined;
  const before = pollStateOf(draft.task(position));
  const polls = before.polls + 1;
  // The task's own word: not yet.
  if (result.notYet === true || result.retryable === true)
    return waitForNext(draft, policy, { ...before, polls, errors: 0 }, result.retryAfterMs);
  const errors = before.errors + 1;
  if (errors < policy.maxErrors)
    return waitForNext(draft, policy, { ...before, polls, errors }, result.retryAfterMs, failure.message);
  const many = errors === 1 ? "a poll failed" : `${errors} polls in a row failed`;
  const message = `${many}, the last: ${failure.message}`;
  return { kind: "failed", failure: { ...failure, class: "wait", code: "poll_failed", message } };
}

function waitForNext(
  draft: Draft,
  policy: PollPolicy,
  state: PollState,
  atLeastMs = 0,
  error?: string,
): Extract<Verdict, { kind: "suspend" }> {
  const dueMs = draft.around.nowMs + Math.max(pauseMs(policy, state.polls), atLeastMs);
  return {
    kind: "suspend",
    suspension: state,
    reason: {
      code: "waiting_poll",
      evidence: {
        poll: state.polls,
        next: formatTime(dueMs),
        ...(state.errors === 0 ? {} : { errors: state.errors, maxErrors: policy.maxErrors }),
        ...(error === undefined ? {} : { error: error.slice(0, 500) }),
      },
    },
    dueMs,
  };
}

/** From the end of poll n to the next: min(maxEvery, every·backoffⁿ⁻¹). */
export const pauseMs = ({ everyMs, backoff, maxEveryMs }: PollPolicy, n: number): number =>
  Math.round(Math.min(maxEveryMs, everyMs * backoff ** (n - 1)));

/** Failures before a poll (setup, refusals, lost attempts) are counted for each poll anew. */
export const forNextPoll: Pick<TaskRun, "live" | "tries" | "avoid"> = { live: undefined, tries: noTries, avoid: [] };
