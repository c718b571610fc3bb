// What comes to a task that waits: a person's answer, an event, the end of another run. Made from its mock, as events of the
// engine. Without a mock nobody answers and nothing comes, and its own timeout says what that means; one that would wait
// for ever without a mock is a mistake of the rehearsal.
import { AppError, type JsonObject, type JsonValue } from "@capstan/proto";
import type { PlanTask, RunEvent, TaskRun } from "@capstan/control-plane/engine";
import { outputsOfAnswer, type MockAnswer } from "./mock.ts";

/** What a task run waits for that no clock brings; undefined where it waits for a time. */
export function awaitedBy(task: TaskRun | undefined): "event" | "approval" | "child" | undefined {
  if (task?.state !== "suspended") return undefined;
  const kind = task.suspension?.kind;
  return kind === "event" || kind === "approval" || kind === "child" ? kind : undefined;
}

/** A mock that has to be given, as it would be written; undefined where the task goes on without one. */
export function neededMock({ key, task: { action } }: PlanTask): string | undefined {
  if ("workflow" in action) return action.workflow.wait === false ? undefined : `${key}={"output": 1}`;
  if ("approval" in action)
    return action.approval.timeoutMs === undefined ? `${key}={"decision": "approved"}` : undefined;
  const isEndless = "wait" in action && action.wait.event !== undefined && action.wait.event.timeoutMs === undefined;
  return isEndless ? `${key}={"field": "of the event"}` : undefined;
}

/** The events that an answer comes to, in order. */
export function eventsOfAnswer(
  { key, task: { action } }: PlanTask,
  taskRun: TaskRun,
  answer: MockAnswer,
  atMs: number,
): readonly RunEvent[] {
  const { position, suspension } = taskRun;
  if ("workflow" in action && suspension?.kind === "child") {
    const { runId } = suspension;
    const ended: JsonObject =
      answer.$fail === undefined
        ? { state: action.workflow.wait === false ? "started" : "succeeded", outputs: outputsOfAnswer(answer) }
        : { state: "failed", message: answer.$fail };
    return [{ kind: "timer", position, timer: "child_end", body: { runId, ...ended } }];
  }
  if ("approval" in action) {
    const { decision = "approved", by = "rehearsal", comment = "", form = {} } = outputsOfAnswer(answer);
    if (decision !== "approved" && decision !== "rejected")
      throw new AppError("mock_missing", `the mock of ${key} decides neither approved nor rejected`);
    const people: readonly JsonValue[] = Array.isArray(by) ? (by as readonly JsonValue[]) : [by]; // Array.isArray makes it any
    const needed = decision === "rejected" ? 1 : (action.approval.need ?? 1);
    return Array.from({ length: needed }, (_, at) => ({
      kind: "decide" as const,
      position,
      decision,
      actor: `user:${text(people[at] ?? `${text(by)}-${at + 1}`)}`,
      principals: action.approval.from,
      comment: answer.$fail ?? text(comment),
      form: isMap(form) ? form : {},
    }));
  }
  if (suspension?.kind !== "event") return [];
  const event = { id: `evt_${key}`, type: suspension.type, at: atMs, data: outputsOfAnswer(answer) };
  return [{ kind: "timer", position, timer: `event:${key}`, body: { event } }];
}

const text = (value: JsonValue): string => (typeof value === "string" ? value : JSON.stringify(value));
const isMap = (value: JsonValue): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
