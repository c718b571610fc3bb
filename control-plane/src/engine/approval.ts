// `approval`: a task run that waits for people (docs/language.md, "Approvals").
//  P1. One rejection decides; `need` different people must approve. Nobody counts twice.
//  P2. An answer that does not fit the form changes nothing: the task run stays suspended.
import { checkForm, evaluateText, formatTime, scopeFor, type ApprovalAction, type JsonObject } from "@capstan/proto";
import { awaitsApproval, tellAnswer, type Answer } from "./answer.ts";
import { decideDeclassified } from "./declassify.ts";
import { controlContext } from "./context.ts";
import type { Draft } from "./draft.ts";
import type { EventOutcome } from "./event.ts";
import type { Suspension } from "./snapshot.ts";
import type { Verdict } from "./verdict.ts";

/** Who decides where the time is over. */
const nobody = "capstan";

type Asked = Extract<Suspension, { kind: "approval" }>;

export function beginApproval(draft: Draft, position: number, approval: ApprovalAction): Verdict {
  const options = { scope: scopeFor(draft.run.plan.document, draft.planTask(position).key, "control") };
  const context = controlContext(draft, position);
  const untilMs = approval.timeoutMs === undefined ? undefined : draft.around.nowMs + approval.timeoutMs;
  return {
    kind: "suspend",
    suspension: { kind: "approval", approved: [] },
    reason: {
      code: "waiting_approval",
      evidence: {
        title: String(evaluateText(approval.title, context, options)),
        ...(approval.message === undefined
          ? {}
          : { message: String(evaluateText(approval.message, context, options)) }),
        from: approval.from,
        need: approval.need ?? 1,
        ...(untilMs === undefined ? {} : { until: formatTime(untilMs) }),
      },
    },
    dueMs: untilMs,
    awaits: awaitsApproval,
  };
}

/** The time is over: `onTimeout` says what that means. */
export function approvalTimedOut(draft: Draft, position: number, approval: ApprovalAction): Verdict {
  const { key } = draft.planTask(position);
  if (approval.onTimeout === "approve") {
    const { inputs } = checkForm(key, approval.form ?? {}, {});
    return approvedBy(draft, [nobody], "no answer in time", inputs);
  }
  return rejectedBy(draft, approval, nobody, "no answer came in time");
}

/** A person's answer. The outcome is for the person; the verdict for the task run. */
export function decide(draft: Draft, answer: Answer): { readonly outcome: EventOutcome; readonly verdict?: Verdict } {
  const { position, decision, actor } = answer;
  const { action } = draft.planTask(position).task;
  const task = draft.task(position);
  const { suspension } = task ?? {};
  if (task?.state === "suspended" && suspension?.kind === "declassify")
    return decideDeclassified(draft, answer, suspension);
  if (task?.state !== "suspended" || suspension?.kind !== "approval" || !("approval" in action)) {
    const state = task?.state ?? "none";
    return { outcome: { kind: "refused", code: "state_conflict", detail: `it waits for no answer: ${state}`, state } };
  }
  const { approval } = action;
  const refusal = mayNot(draft, approval, answer);
  if (refusal !== undefined) return { outcome: { kind: "forbidden", detail: refusal } };
  if (decision === "rejected") {
    tellAnswer(draft, answer);
    return { outcome: { kind: "accepted" }, verdict: rejectedBy(draft, approval, actor, answer.comment) };
  }
  if (suspension.approved.includes(actor)) return { outcome: { kind: "duplicate" } };
  const { inputs, problems } = checkForm(draft.planTask(position).key, approval.form ?? {}, answer.form);
  const [first] = problems;
  if (first !== undefined) {
    return { outcome: { kind: "invalid", code: "inputs_invalid", detail: first.detail, problems } };
  }
  tellAnswer(draft, answer);
  const approved = [...suspension.approved, actor];
  if (approved.length < (approval.need ?? 1)) {
    const asked: Asked = { kind: "approval", approved };
    draft.set(position, { suspension: asked });
    return { outcome: { kind: "accepted" } };
  }
  return { outcome: { kind: "accepted" }, verdict: approvedBy(draft, approved, answer.comment, inputs) };
}

function mayNot(draft: Draft, approval: ApprovalAction, { actor, principals }: Answer): string | undefined {
  if (!approval.from.some((one) => principals.includes(one))) {
    return `${approval.from.join(", ")} may answer; you are ${principals.join(", ")}`;
  }
  if (approval.allowStarter === false && draft.run.trigger["actor"] === actor) {
    return "who started the run may not answer (allowStarter: false)";
  }
  return undefined;
}

const approvedBy = (draft: Draft, by: readonly string[], comment: string, form: JsonObject): Verdict => ({
  kind: "succeeded",
  outputs: { decision: "approved", by: by.join(", "), at: formatTime(draft.around.nowMs), comment, form },
});

function rejectedBy(draft: Draft, approval: ApprovalAction, by: string, comment: string): Verdict {
  if (approval.onReject === "continue") {
    const at = formatTime(draft.around.nowMs);
    return { kind: "succeeded", outputs: { decision: "rejected", by, at, comment, form: {} } };
  }
  const message = comment === "" ? `rejected by ${by}` : `rejected by ${by}: ${comment}`;
  return { kind: "failed", failure: { class: "approval", code: "approval_rejected", message } };
}
