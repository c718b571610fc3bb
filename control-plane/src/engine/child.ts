// `workflow`: a task run that is a run of another workflow (docs/language.md, "Sub-workflows").
//  K1. The parent names the child's id before the child exists, in a timer `child_start`. The child's start deletes that
//      row in its own statement, so there is at most one child of that id, and none where the parent was cancelled first.
//  K2. Parent and child tell each other by rows alone (hand-over.ts): `child_end` to the parent, `parent_…` to the child.
//  K3. A child that is not the one the task run waits for now changes nothing.
import {
  evaluateTree,
  idFromUuid,
  scopeFor,
  type DynamicJson,
  type Failure,
  type JsonObject,
  type JsonValue,
  type WorkflowAction,
} from "@capstan/proto";
import { controlContext } from "./context.ts";
import type { Draft } from "./draft.ts";
import type { TimerKind } from "./event.ts";
import { askRetry, seedOf } from "./retry.ts";
import type { Run, Suspension } from "./snapshot.ts";
import type { Verdict } from "./verdict.ts";

/** Runs in a chain of parents and children, the first included. */
export const depthMax = 8;

/** Which task run started a run, as its `trigger.parent` has it. */
export interface Parent {
  readonly runId: string;
  readonly position: number;
  readonly depth: number;
  /** False: it only wanted the child to exist. */
  readonly wait: boolean;
}

/** The parent of a run; undefined for a run that nobody's task started. */
export function parentOf(run: Pick<Run, "trigger">): Parent | undefined {
  const parent = run.trigger["parent"];
  if (!isObject(parent)) return undefined;
  const { runId, position, depth, wait } = parent;
  if (typeof runId !== "string" || typeof position !== "number" || typeof depth !== "number") return undefined;
  return { runId, position, depth, wait: wait !== false };
}

export function beginChild(draft: Draft, position: number, action: WorkflowAction): Verdict {
  const { run } = draft;
  const planTask = draft.planTask(position);
  const depth = (parentOf(run)?.depth ?? 1) + 1;
  if (depth > depthMax) return childFailed(`the chain of runs that start each other is longer than ${depthMax}`);
  const inputs: Record<string, JsonValue> = {};
  const context = controlContext(draft, position);
  const options = { scope: scopeFor(run.plan.document, planTask.key, "control") };
  for (const [name, value] of Object.entries(planTask.task.with ?? {})) {
    inputs[name] = evaluateTree(value as DynamicJson, context, options); // JSON with expressions, by the schema
  }
  const runId = draft.around.newId();
  draft.setTimer(position, "child_start", draft.around.nowMs, {
    body: {
      runId,
      task: planTask.key,
      workflow: action.name,
      version: action.version ?? "active",
      inputs,
      deadlineMs: run.deadlineMs,
      priority: run.priority,
      depth,
      wait: action.wait ?? true,
    },
  });
  return {
    kind: "suspend",
    suspension: { kind: "child", runId },
    reason: { code: "waiting_run", evidence: { workflow: action.name, run: idFromUuid("run", runId) } },
    dueMs: undefined,
  };
}

export function wakeChild(
  draft: Draft,
  position: number,
  action: WorkflowAction,
  suspension: Suspension,
  timer: TimerKind,
  body: JsonObject = {},
): Verdict {
  // A back-off is over: a new child.
  if (timer === "suspended" && suspension.kind === "again") return beginChild(draft, position, action);
  if (suspension.kind !== "child" || body["runId"] !== suspension.runId) return { kind: "nothing" };
  if (timer === "child_start") return again(draft, position, suspension.runId, String(body["problem"]));
  if (timer !== "child_end") return { kind: "nothing" };
  const run = idFromUuid("run", suspension.runId);
  const { state, outputs, message } = body;
  if (state === "succeeded" || (state === "started" && action.wait === false)) {
    return { kind: "succeeded", outputs: { ...(isObject(outputs) ? outputs : {}), runId: run } };
  }
  const why = typeof message === "string" ? `: ${message}` : "";
  return again(draft, position, suspension.runId, `${action.name} (${run}) ended ${String(state)}${why}`);
}

/** A child ended badly: another one where `retry.causes` names `child`, otherwise the end. */
function again(draft: Draft, position: number, childId: string, message: string): Verdict {
  const verdict = childFailed(message);
  const task = draft.task(position);
  if (verdict.kind !== "failed" || task === undefined) return verdict;
  const tries = { ...task.tries, paid: task.tries.paid + 1 };
  draft.set(position, { tries });
  const answer = askRetry(draft.planTask(position).retry, verdict.failure, {}, tries, seedOf(childId));
  if (answer.kind === "end") return verdict;
  const dueMs = draft.around.nowMs + answer.delayMs;
  return {
    kind: "suspend",
    suspension: { kind: "again" },
    reason: { code: "retry_backoff", evidence: { attempt: tries.paid, cause: "child_failed", message, dueMs } },
    dueMs,
  };
}

function childFailed(message: string): Verdict {
  const failure: Failure = { class: "child", code: "child_failed", message };
  return { kind: "failed", failure };
}

/** Tells the parent of a run that it exists (where that is all it waits for), or how it ended. */
export function tellParent(draft: Draft, at: "start" | "end"): void {
  const { run } = draft;
  const parent = parentOf(run);
  if (parent === undefined || parent.wait !== (at === "end")) return;
  const message =
    run.failure === undefined
      ? undefined
      : `${run.failure.task === "" ? "" : `${run.failure.task}: `}${run.failure.message}`;
  draft.handOvers.push({
    runId: parent.runId,
    position: parent.position,
    kind: "child_end",
    body: {
      runId: run.id,
      state: at === "start" ? "started" : run.state,
      ...(at === "end" && run.state === "succeeded" ? { outputs: run.outputs ?? {} } : {}),
      ...(message === undefined ? {} : { message }),
    },
  });
}

/** Stops the child of a task run that is being stopped itself. One that only had to exist is left alone. */
export function cancelChild(
  draft: Draft,
  position: number,
  why: { readonly actor: string; readonly reason: string },
): void {
  const { suspension } = draft.task(position) ?? {};
  const { action } = draft.planTask(position).task;
  if (suspension?.kind !== "child" || !("workflow" in action)) return;
  draft.clearTimer(position, "child_start");
  if (action.workflow.wait === false) return;
  draft.handOvers.push({ runId: suspension.runId, position: -1, kind: "parent_cancel", body: { ...why } });
}

/** Passes a pause, or its end, on to every child. */
export function tellChildren(draft: Draft, kind: "parent_pause" | "parent_resume", body: JsonObject): void {
  for (const { position, suspension } of draft.openTasks()) {
    const { action } = draft.planTask(position).task;
    if (suspension?.kind !== "child" || !("workflow" in action) || action.workflow.wait === false) continue;
    draft.handOvers.push({ runId: suspension.runId, position: -1, kind, body });
  }
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
