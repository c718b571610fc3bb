// Mark: a person's word ends a task run that has not ended.
//  M1. A mark is the last word: it ends the task run as it says, with the flag `marked`, and asks for no other try.
//  M2. A live attempt is stopped first. The mark stands with the task run until the attempt is over, so an agent that is
//      silent delays it by its lease and no more; a cancel of the run that comes meanwhile wins.
//  M3. `succeeded` needs the outputs that the task declares.
import { checkOutputs, isTaskRunEnded } from "@capstan/proto";
import { cancelChild } from "./child.ts";
import type { Draft } from "./draft.ts";
import type { EventOutcome } from "./event.ts";
import { endMarked, type Mark } from "./marked.ts";
import type { PlanTask } from "./plan.ts";
import { stopTask } from "./run-machine.ts";
import { endSuspension } from "./suspended.ts";

/** Marks a task run. Refused where it has ended, or is already being cancelled for another reason. */
export function markTask(draft: Draft, position: number, mark: Mark): EventOutcome {
  const task = draft.task(position);
  if (task === undefined) return { kind: "not_found" };
  if (isTaskRunEnded(task.state)) return refused(`the task run has already ended: ${task.state}`, task.state);
  if (task.state === "cancelling") {
    if (task.mark?.state === mark.state) return { kind: "duplicate" };
    return refused("the task run is being stopped already", task.state);
  }
  if (task.map !== undefined)
    return refused("a mapped task ends with its indexes; mark those that have not ended", task.state);
  const problem = problemOfMark(draft.planTask(position), mark);
  if (problem !== undefined) return { kind: "invalid", ...problem };
  if (task.live === undefined) {
    if (task.state === "suspended") {
      endSuspension(draft, position);
      cancelChild(draft, position, { actor: mark.actor, reason: `its task was marked ${mark.state}` });
    }
    endMarked(draft, position, mark);
    return { kind: "accepted" };
  }
  draft.set(position, { mark });
  stopTask(draft, position, "cancelled");
  return { kind: "accepted" };
}

/** What is wrong with a mark, before it is taken: declared outputs that it lacks, or that have another type. */
export function problemOfMark(
  planTask: PlanTask,
  mark: Mark,
): { readonly code: "output_missing" | "output_invalid" | "output_too_large"; readonly detail: string } | undefined {
  if (mark.state !== "succeeded") return undefined;
  const { problems } = checkOutputs(planTask.task, mark.outputs ?? {});
  const [first] = problems;
  if (first === undefined) return undefined;
  return { code: first.code, detail: problems.map((one) => one.detail).join("; ") };
}

const refused = (detail: string, state: string): EventOutcome => ({
  kind: "refused",
  code: "state_conflict",
  detail,
  state,
});
