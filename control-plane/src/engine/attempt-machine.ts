// What an attempt's events come to: the fence, then the task run's next state.
//  E1. An event about an attempt counts only for the live attempt of its task run, by id and epoch. Anything older
//      changes nothing and is answered `lease_lost`, or `duplicate` where it repeats what already counted. What an
//      agent reports counts for its own attempts only.
//  E2. Who pays for another try is decided in retry.ts, from the failure's class and the task's own word.
import { checkOutputs, type Failure, type JsonObject, type OutputProblem } from "@capstan/proto";
import { askToDeclassify, dueOutputs } from "./declassify.ts";
import type { Draft } from "./draft.ts";
import type { EventOutcome, FinishResult, RunEvent } from "./event.ts";
import { outputBytesOf, resultsBytesMax } from "./group.ts";
import { endMarked } from "./marked.ts";
import { forNextPoll, pollEnded, pollFailed } from "./poll.ts";
import { askRetry, rejectionsMax, seedOf, unstartedTriesMax } from "./retry.ts";
import { waitForPerson } from "./retry-now.ts";
import type { LiveAttempt, TaskRun } from "./snapshot.ts";
import { conclude, endTask, failTask, queue, skip } from "./task-machine.ts";
import { timeStarted } from "./task-timers.ts";
import { timeUpFailure } from "./time-up-failure.ts";
import type { Verdict } from "./verdict.ts";

type AttemptEvent = Exclude<Extract<RunEvent, { attemptId: string }>, { kind: "backstop" }>;

/** Reasons of a rejection that say nothing about the task: offered again at once, elsewhere first. */
const uncounted: ReadonlySet<string> = new Set(["offer_stale", "no_slot", "agent_stopping", "disk_full", "spool_full"]);
/** Waits of the rounds of counted rejections. */
const dispatchBackoffMs = [1_000, 20_000, 60_000] as const;

const accepted: EventOutcome = { kind: "accepted" };

export function applyToAttempt(draft: Draft, event: AttemptEvent): EventOutcome {
  const found = findLive(draft, event);
  if (found === undefined) {
    const wasHere = placesOf(draft, event).some((position) => (draft.task(position)?.epoch ?? -1) >= event.epoch);
    return wasHere ? { kind: "lease_lost" } : { kind: "not_found" };
  }
  const { task, live } = found;
  if ("by" in event && event.by.agentId !== live.agentId) return { kind: "lease_lost" };
  switch (event.kind) {
    case "attempt_started":
      return started(draft, task, live, event.atMs);
    case "attempt_rejected":
      return rejected(draft, task, live, event.reason, event.detail);
    case "attempt_finished":
      return finished(draft, task, live, event.result);
    case "attempt_event":
      return told(draft, task, live, event);
    case "attempt_lost":
      if (event.cause === "given_back") return givenBack(draft, task, live);
      return lost(draft, task, live, event.cause, event.cause !== "offer_lost" || live.state === "running");
  }
}

function findLive(draft: Draft, event: AttemptEvent): { task: TaskRun; live: LiveAttempt } | undefined {
  const { attemptId, epoch } = event;
  for (const position of placesOf(draft, event)) {
    const task = draft.task(position);
    if (task?.live !== undefined && task.live.id === attemptId && task.live.epoch === epoch) {
      return { task, live: task.live };
    }
  }
  return undefined;
}

/** Where the attempt of an event can be: at the place that the caller knows, or anywhere. */
const placesOf = (draft: Draft, event: AttemptEvent): readonly number[] =>
  event.position === undefined ? Array.from({ length: draft.nextBase }, (_, position) => position) : [event.position];

function started(draft: Draft, task: TaskRun, live: LiveAttempt, atMs: number): EventOutcome {
  if (live.state === "running") return { kind: "duplicate" };
  const running: LiveAttempt = { ...live, state: "running", startedMs: atMs };
  draft.writeAttempt(running, task.position, "running");
  if (task.state === "cancelling") draft.set(task.position, { live: running });
  else draft.move(task.position, "running", { live: running, startedMs: task.startedMs ?? atMs });
  timeStarted(draft, task.position);
  draft.tell({
    type: "task.running",
    task: draft.nameOf(task.position),
    from: task.state,
    to: "running",
    attempt: live.id,
    epoch: live.epoch,
  });
  return accepted;
}

function rejected(draft: Draft, task: TaskRun, live: LiveAttempt, reason: string, detail: string): EventOutcome {
  draft.writeAttempt(live, task.position, "rejected", {
    endedMs: draft.around.nowMs,
    failure: { class: "rejected", code: reason, message: detail },
  });
  const key = draft.nameOf(task.position);
  draft.tell({
    type: "attempt.rejected",
    task: key,
    attempt: live.id,
    epoch: live.epoch,
    agent: live.agentId,
    reason,
    detail,
  });
  if (task.state === "cancelling") return endStopped(draft, task);
  if (reason === "spec_invalid") {
    failTask(draft, task.position, { class: "rejected", code: reason, message: detail });
    return accepted;
  }
  const avoid = [...task.avoid.filter((agent) => agent !== live.agentId), live.agentId];
  if (uncounted.has(reason)) {
    draft.set(task.position, { live: undefined, avoid });
    queue(draft, task.position);
    return accepted;
  }
  const rounds = task.tries.rejected + 1;
  draft.set(task.position, { live: undefined, avoid, tries: { ...task.tries, rejected: rounds } });
  draft.move(task.position, "queued", { queuedMs: draft.around.nowMs });
  if (rounds >= rejectionsMax) {
    draft.set(task.position, { reason: { code: "parked", evidence: { rejections: rounds, reason, detail } } });
  } else {
    const waitMs = dispatchBackoffMs[rounds - 1] ?? 60_000;
    draft.set(task.position, { reason: { code: "dispatch_backoff", evidence: { round: rounds, reason, detail } } });
    draft.setTimer(task.position, "dispatch_backoff", draft.around.nowMs + waitMs);
  }
  return accepted;
}

function told(
  draft: Draft,
  task: TaskRun,
  live: LiveAttempt,
  event: Extract<RunEvent, { kind: "attempt_event" }>,
): EventOutcome {
  if (event.seq <= live.eventSeq) return { kind: "duplicate" };
  if (event.seq > live.eventSeq + 1) return { kind: "expect", seq: live.eventSeq + 1 };
  draft.set(task.position, { live: { ...live, eventSeq: event.seq } });
  draft.tell({
    type: `task.${event.type}`,
    task: draft.nameOf(task.position),
    attempt: live.id,
    epoch: live.epoch,
    detail: { ...event.body, atMs: event.atMs },
  });
  return accepted;
}

function finished(draft: Draft, task: TaskRun, live: LiveAttempt, result: FinishResult): EventOutcome {
  if (result.outcome === "lost") {
    const cause = result.failure?.code ?? "lost";
    if (cause === "given_back") return givenBack(draft, task, live, result);
    // Its agent may have forgotten a start that it has told.
    const mayHaveStarted = result.mayHaveStarted !== false || live.state === "running";
    return lost(draft, task, live, cause, mayHaveStarted, result);
  }
  const startedMs = result.startedMs ?? live.startedMs;
  const endedMs = draft.around.nowMs;
  const record = resultRecord(result);
  if (task.state === "cancelling") {
    // Cancel wins (G5): what the attempt says is kept with it for people, and not used.
    const state = result.outcome === "succeeded" ? "succeeded" : result.outcome;
    draft.writeAttempt(live, task.position, state, { startedMs, endedMs, failure: result.failure, result: record });
    draft.set(task.position, { startedMs: task.startedMs ?? startedMs });
    return endStopped(draft, task, result);
  }
  if (result.outcome === "succeeded") {
    return succeeded(draft, task, live, result, { startedMs, endedMs, record });
  }
  const failure: Failure = result.failure ?? {
    class: result.outcome === "timed_out" ? "timeout" : "error",
    code: result.outcome === "timed_out" ? "timeout" : "exit",
    message: `the attempt ended as ${result.outcome} without saying why`,
  };
  draft.writeAttempt(live, task.position, result.outcome, { startedMs, endedMs, failure, result: record });
  draft.set(task.position, { startedMs: task.startedMs ?? startedMs });
  if (result.outcome === "cancelled") {
    // The agent stopped it and nobody here asked for that: the task run is cancelled as if by hand.
    stopNow(draft, task);
    return accepted;
  }
  const { poll } = draft.planTask(task.position);
  const polled = poll === undefined ? undefined : pollFailed(draft, task.position, poll, failure, result);
  if (polled === undefined) retryOrFail(draft, task, live, failure, result);
  else endPoll(draft, task.position, polled);
  return accepted;
}

/** A poll is over: the next one comes, or the sensor has come to its end. */
function endPoll(draft: Draft, position: number, verdict: Verdict): void {
  draft.set(position, forNextPoll);
  conclude(draft, position, verdict);
}

function succeeded(
  draft: Draft,
  task: TaskRun,
  live: LiveAttempt,
  result: FinishResult,
  at: { startedMs: number | undefined; endedMs: number; record: JsonObject },
): EventOutcome {
  const planTask = draft.planTask(task.position);
  const { startedMs, endedMs, record } = at;
  if (result.skip === true) {
    draft.writeAttempt(live, task.position, "succeeded", { startedMs, endedMs, result: record });
    draft.set(task.position, { startedMs: task.startedMs ?? startedMs });
    skip(draft, task.position, "skipped_by_task", {}, "skip");
    return accepted;
  }
  const due = dueOutputs(planTask, task, result);
  const checked = checkOutputs(due.task, due.outputs);
  const problems = [...due.problems, ...checked.problems, ...tooMuchOfAll(draft, task.position, checked.outputs)];
  const problem = problems[0];
  if (problem !== undefined) {
    const failure: Failure = {
      class: "output",
      code: problem.code,
      message: problems.map((one) => one.detail).join("; "),
    };
    draft.writeAttempt(live, task.position, "failed", { startedMs, endedMs, failure, result: record });
    draft.set(task.position, { startedMs: task.startedMs ?? startedMs });
    retryOrFail(draft, task, live, failure, result);
    return { kind: "invalid", code: problem.code, detail: failure.message };
  }
  draft.writeAttempt(live, task.position, "succeeded", { startedMs, endedMs, result: record });
  draft.set(task.position, { startedMs: task.startedMs ?? startedMs });
  const { outputs: given } = checked;
  const asked = askToDeclassify(planTask, task, { attemptId: live.id, result, outputs: given });
  if (asked !== undefined) {
    draft.set(task.position, { live: undefined });
    conclude(draft, task.position, asked);
  } else if (planTask.poll === undefined) {
    if (planTask.held !== undefined) draft.set(task.position, { suspension: undefined });
    endTask(draft, task.position, "succeeded", "ok", given);
  } else {
    const { outputs } = checked;
    const poll = { outputs, notYet: result.notYet === true };
    endPoll(draft, task.position, pollEnded(draft, task.position, planTask.poll, poll));
  }
  return accepted;
}

/** The outputs of all indexes are kept in memory for `results`, so together they are bounded too. */
function tooMuchOfAll(
  draft: Draft,
  position: number,
  outputs: JsonObject,
): readonly Pick<OutputProblem, "code" | "detail">[] {
  const group = draft.groupOf(position);
  const kept = group === undefined ? undefined : draft.task(group.position)?.map?.outputBytes;
  if (group === undefined || kept === undefined || kept + outputBytesOf(outputs) <= resultsBytesMax) return [];
  const key = draft.planTask(position).key;
  const detail = `the outputs of all indexes of ${key} together would be more than ${resultsBytesMax / 1024 / 1024} MiB; make the large ones files`;
  return [{ code: "output_too_large", detail }];
}

function retryOrFail(draft: Draft, task: TaskRun, live: LiveAttempt, failure: Failure, result: FinishResult): void {
  const { position } = task;
  const planTask = draft.planTask(position);
  const setup = failure.class === "setup";
  const tries = setup ? { ...task.tries, setup: task.tries.setup + 1 } : { ...task.tries, paid: task.tries.paid + 1 };
  draft.set(position, { tries });
  const answer =
    draft.run.cancel === undefined || planTask.cleanup
      ? askRetry(planTask.retry, failure, result, tries, seedOf(live.id))
      : ({ kind: "end", exhausted: false } as const);
  if (answer.kind === "end") {
    const final: Failure = setup && answer.exhausted ? { ...failure, code: "setup_failed" } : failure;
    if (!answer.exhausted || !waitForPerson(draft, position, final)) failTask(draft, position, final);
    return;
  }
  const dueMs = draft.around.nowMs + answer.delayMs;
  const avoid = setup ? [...task.avoid, live.agentId] : task.avoid;
  draft.move(position, "retrying", {
    live: undefined,
    dueMs,
    failure,
    avoid,
    reason: { code: "retry_backoff", evidence: { attempt: live.number, cause: failure.code, dueMs } },
  });
  draft.setTimer(position, "retry", dueMs);
  draft.tell({
    type: "task.retrying",
    task: draft.nameOf(position),
    to: "retrying",
    attempt: live.id,
    epoch: live.epoch,
    reason: failure.code,
    detail: { message: failure.message, number: live.number, dueMs },
  });
  draft.callHooks(position, "onRetry");
}

function lost(
  draft: Draft,
  task: TaskRun,
  live: LiveAttempt,
  cause: string,
  mayHaveStarted: boolean,
  result?: FinishResult,
): EventOutcome {
  const { position } = task;
  const planTask = draft.planTask(position);
  const failure: Failure = {
    class: cause === "runner_lost" ? "runner_lost" : "lost",
    code: cause === "runner_lost" ? "runner_lost" : "lost",
    message: lostMessages[cause] ?? `attempt ${live.number} was lost: ${cause}`,
  };
  draft.writeAttempt(live, position, "lost", {
    endedMs: draft.around.nowMs,
    failure,
    ...(result === undefined ? {} : { result: resultRecord(result) }),
  });
  draft.tell({
    type: "attempt.lost",
    task: draft.nameOf(position),
    attempt: live.id,
    epoch: live.epoch,
    agent: live.agentId,
    reason: cause,
  });
  if (task.state === "cancelling") return endStopped(draft, task);
  const avoid = [...task.avoid.filter((agent) => agent !== live.agentId), live.agentId];
  if (!mayHaveStarted && task.tries.unstarted < unstartedTriesMax) {
    draft.set(position, { live: undefined, avoid, tries: { ...task.tries, unstarted: task.tries.unstarted + 1 } });
    queue(draft, position);
    return accepted;
  }
  if (planTask.onLost === "retry" && task.tries.lost < planTask.retry.lost) {
    draft.set(position, { live: undefined, avoid, tries: { ...task.tries, lost: task.tries.lost + 1 } });
    queue(draft, position);
    return accepted;
  }
  const exhausted = mayHaveStarted && planTask.onLost === "retry";
  if (!exhausted || !waitForPerson(draft, position, failure)) failTask(draft, position, failure);
  return accepted;
}

const lostMessages: Readonly<Record<string, string>> = {
  lease_over: "its agent was not heard until the lease ended; its own runner has stopped it",
  host_rebooted: "its host restarted",
  agent_revoked: "its agent was revoked",
  agent_forgot: "its agent does not hold it any more",
  offer_lost: "the offer never reached its agent",
  runner_lost: "the runner that carried it died, and its processes with it",
};

function givenBack(draft: Draft, task: TaskRun, live: LiveAttempt, result?: FinishResult): EventOutcome {
  draft.writeAttempt(live, task.position, "lost", {
    endedMs: draft.around.nowMs,
    ...(result === undefined ? {} : { result: resultRecord(result) }),
  });
  draft.tell({
    type: "attempt.lost",
    task: draft.nameOf(task.position),
    attempt: live.id,
    epoch: live.epoch,
    agent: live.agentId,
    reason: "given_back",
  });
  if (task.state === "cancelling") return endStopped(draft, task);
  draft.set(task.position, { live: undefined });
  queue(draft, task.position);
  return accepted;
}

/** The end of a `cancelling` task run, however its attempt has ended: it is what it was stopped for. */
function endStopped(draft: Draft, task: TaskRun, result?: FinishResult): EventOutcome {
  if (isTimeUp(task)) return timedOut(draft, task, result);
  draft.set(task.position, { live: undefined });
  // A cancel that was accepted after the mark wins.
  if (task.mark !== undefined && draft.run.cancel === undefined) endMarked(draft, task.position, task.mark);
  else endTask(draft, task.position, "cancelled", "cancel");
  return accepted;
}

/** The control plane stopped it because a time of it was up. */
function timedOut(draft: Draft, task: TaskRun, result: FinishResult | undefined): EventOutcome {
  const which = task.stopping === undefined || task.stopping === "cancelled" ? "timeout" : task.stopping;
  // Another failure that came too late is kept with the attempt: the time was over before.
  const said = which === "timeout" && result?.failure?.class === "timeout" ? result.failure : undefined;
  failTask(draft, task.position, said ?? timeUpFailure(draft.planTask(task.position), which));
  return accepted;
}

const isTimeUp = (task: TaskRun): boolean => task.stopping !== undefined && task.stopping !== "cancelled";

/** A task run whose agent stopped it unasked. */
function stopNow(draft: Draft, task: TaskRun): void {
  draft.move(task.position, "cancelling", { live: undefined });
  endTask(draft, task.position, "cancelled", "cancel");
}

/** What is kept with the attempt for people; outputs of a success stand with the task run. */
function resultRecord(result: FinishResult): JsonObject {
  return {
    ...(result.exitCode === undefined ? {} : { exitCode: result.exitCode }),
    ...(result.signal === undefined ? {} : { signal: result.signal }),
    ...(result.usage === undefined ? {} : { usage: result.usage }),
    ...(result.log === undefined ? {} : { log: { ...result.log } }),
    ...(result.summary === undefined ? {} : { summary: result.summary }),
  };
}
