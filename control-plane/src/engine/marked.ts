// The end of a task run by a person's word. Who may say it, and when, is mark.ts.
import { checkOutputs, type JsonObject } from "@capstan/proto";
import type { Draft } from "./draft.ts";
import { effectOfSkip } from "./join.ts";
import type { PlanTask } from "./plan.ts";
import { endTask, failTask, skip } from "./task-machine.ts";

/** What a person says that a task run is. */
export interface Mark {
  readonly state: "succeeded" | "failed" | "skipped";
  readonly actor: string;
  readonly reason: string;
  /** For `succeeded`: what the task would have given. */
  readonly outputs?: JsonObject | undefined;
}

/** Ends a task run that no agent carries any more, as its mark says. */
export function endMarked(draft: Draft, position: number, mark: Mark): void {
  const flags = { ...draft.task(position)?.flags, marked: { actor: mark.actor, reason: mark.reason } };
  const task = draft.set(position, { flags, mark: undefined, live: undefined });
  if (task.state === "retrying") draft.clearTimer(position, "retry");
  draft.tell({
    type: "task.marked",
    task: draft.planTask(position).key,
    to: mark.state,
    actor: mark.actor,
    reason: mark.reason,
  });
  switch (mark.state) {
    case "succeeded":
      return endTask(draft, position, "succeeded", "ok", outputsOf(draft.planTask(position), mark));
    case "failed":
      return failTask(draft, position, {
        class: "error",
        code: "marked_failed",
        message: `${mark.actor} marked it as failed: ${mark.reason}`,
      });
    case "skipped":
      return skip(draft, position, "skipped_by_mark", { by: mark.actor, why: mark.reason }, effectOfSkip(task.needs));
  }
}

const outputsOf = (planTask: PlanTask, mark: Mark): JsonObject =>
  checkOutputs(planTask.task, mark.outputs ?? {}).outputs;
