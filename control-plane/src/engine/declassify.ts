// Outputs that leave their class only after somebody agreed (docs/language.md, "Data classes").
//  C1. Their values stay with the agent; the control plane knows name, size and digest, and asks.
//  C2. After a yes an attempt of its own brings them, from the store that has them: nothing is run again.
//  C3. After a no they stay where they are, and the task run has failed.
import { idFromUuid, type CanonicalTask, type JsonObject, type OutputProblem } from "@capstan/proto";
import { awaitsApproval, tellAnswer, type Answer } from "./answer.ts";
import type { Draft } from "./draft.ts";
import type { EventOutcome, FinishResult } from "./event.ts";
import type { PlanTask } from "./plan.ts";
import type { HeldState, TaskRun } from "./snapshot.ts";
import type { Verdict } from "./verdict.ts";

/** The attempt whose held outputs the next one brings; undefined where it runs the task. */
export const releaseOf = ({ suspension }: Pick<TaskRun, "suspension">): string | undefined =>
  suspension?.kind === "declassify" && suspension.approved.length > 0 ? suspension.attemptId : undefined;

export interface DueOutputs {
  /** The task by whose declarations they are checked. */
  readonly task: CanonicalTask;
  readonly outputs: JsonObject;
  readonly problems: readonly Pick<OutputProblem, "code" | "detail">[];
}

/** What a success has to bring: all outputs, or those that are not held. */
export function dueOutputs({ held, task }: PlanTask, run: TaskRun, result: FinishResult): DueOutputs {
  const given = result.outputs ?? {};
  if (held === undefined) return { task, outputs: given, problems: [] };
  if (run.suspension?.kind === "declassify" && releaseOf(run) !== undefined)
    return { task, outputs: { ...run.suspension.outputs, ...given }, problems: [] };
  const outputs = Object.fromEntries(Object.entries(task.outputs ?? {}).filter(([name]) => !held.has(name)));
  const detail = `the agent does not hold ${[...held].join(", ")}, which somebody has to agree to first`;
  const problems = result.held === undefined ? [{ code: "output_invalid" as const, detail }] : [];
  return { task: { ...task, outputs }, outputs: given, problems };
}

/** Asks for the word of somebody; undefined where nobody has to be asked. */
export function askToDeclassify(
  planTask: PlanTask,
  run: TaskRun,
  { attemptId, result, outputs }: { attemptId: string; result: FinishResult; outputs: JsonObject },
): Verdict | undefined {
  const { held } = result;
  if (planTask.held === undefined || held === undefined || releaseOf(run) !== undefined) return undefined;
  const declared = planTask.task.outputs ?? {};
  const told = held.outputs.map(({ name, bytes, sha256 }) => {
    const { from, reason } = declared[name]?.declassify ?? {};
    return { name, bytes, sha256, ...(from === undefined ? {} : { class: from }), reason: reason ?? "" };
  });
  const why = told.map(({ name, reason, bytes }) => `${name} (${bytes} bytes): ${reason}`);
  const where = `To be read on the host of its agent: capstan agent held ${idFromUuid("att", attemptId)}`;
  return {
    kind: "suspend",
    suspension: { kind: "declassify", attemptId, store: held.store, outputs, approved: [] },
    reason: {
      code: "waiting_approval",
      evidence: {
        title: `Let ${told.map(({ name }) => name).join(", ")} of ${planTask.key} leave ${told[0]?.class ?? "its class"}?`,
        message: [...why, where].join("\n\n"),
        from: [...approversOf(planTask)],
        need: 1,
        outputs: told,
      },
    },
    dueMs: undefined,
    awaits: awaitsApproval,
  };
}

const approversOf = ({ task }: PlanTask): readonly string[] =>
  Object.values(task.outputs ?? {}).find(({ declassify }) => declassify?.approvers !== undefined)?.declassify
    ?.approvers ?? [];

/** A person's answer. */
export function decideDeclassified(
  draft: Draft,
  answer: Answer,
  held: HeldState,
): { readonly outcome: EventOutcome; readonly verdict?: Verdict } {
  const { position, actor, principals, decision, comment } = answer;
  const approvers = approversOf(draft.planTask(position));
  if (!approvers.some((one) => principals.includes(one))) {
    const detail = `${approvers.join(", ")} may answer; you are ${principals.join(", ")}`;
    return { outcome: { kind: "forbidden", detail } };
  }
  tellAnswer(draft, answer);
  if (decision === "rejected") {
    const message = `${actor} did not let it leave its class${comment === "" ? "" : `: ${comment}`}`;
    const failure = { class: "policy", code: "declassify_rejected", message } as const;
    return { outcome: { kind: "accepted" }, verdict: { kind: "failed", failure } };
  }
  draft.set(position, { suspension: { ...held, approved: [actor] } });
  draft.clearTimer(position, "suspended");
  return { outcome: { kind: "accepted" }, verdict: { kind: "queue" } };
}
