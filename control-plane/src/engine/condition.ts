// `if`: asked once, when a task run's join says ready. The values of the names it uses are kept for people.
import { evaluateCondition, scopeFor, valuesUsed, type ExpressionContext, type JsonObject } from "@capstan/proto";
import { evaluationContext, failureFor, indexContext, runView } from "./context.ts";
import type { Draft } from "./draft.ts";

export type ConditionAnswer =
  | { readonly kind: "yes" }
  | { readonly kind: "no"; readonly evidence: JsonObject }
  | { readonly kind: "error"; readonly message: string };

/** Asks the condition of a task run or a hook; without one the answer is yes. */
export function askCondition(draft: Draft, position: number): ConditionAnswer {
  const planTask = draft.planTask(position);
  const condition = planTask.task.if;
  if (condition === undefined) return { kind: "yes" };
  const counts = draft.task(position)?.needs ?? { open: 0, ok: 0, tolerated: 0, fail: 0, cancel: 0, skip: 0 };
  const context: ExpressionContext = {
    ...evaluationContext(draft.run, (at) => draft.task(at)),
    run: runView(
      draft.run,
      draft.around,
      failureFor(draft.run, planTask, (at) => draft.task(at)),
    ),
    trigger: draft.run.trigger,
    needs: needsView(draft, position),
    ...indexContext(draft.run, position, (at) => draft.task(at)),
  };
  const status = {
    success: counts.fail + counts.cancel + counts.skip + counts.open === 0,
    failure: counts.fail > 0,
    cancelled: draft.run.cancel !== undefined,
  };
  try {
    const scope = scopeFor(draft.run.plan.document, planTask.key, planTask.hook ?? "if");
    if (evaluateCondition(condition, context, { scope, status })) return { kind: "yes" };
    return { kind: "no", evidence: { condition: condition.$expr, values: valuesUsed(condition, context) } };
  } catch (error) {
    return { kind: "error", message: error instanceof Error ? error.message : String(error) };
  }
}

/** `needs`: how many of the task's needs ended in which state; `failed` has timed_out in it. */
function needsView(draft: Draft, position: number): JsonObject {
  const view = { total: 0, succeeded: 0, failed: 0, skipped: 0, cancelled: 0 };
  const { needs, mapping } = draft.planTask(position);
  const head = draft.groupOf(position) === undefined ? undefined : mapping?.head;
  for (const need of needs) {
    view.total += 1;
    // An index of a chain needs the same index of the group before it, and not the group.
    const prev = need === head ? indexContext(draft.run, position, (at) => draft.task(at)).prev : undefined;
    const state = prev?.["state"] ?? draft.task(need)?.state;
    if (state === "succeeded") view.succeeded += 1;
    else if (state === "failed" || state === "timed_out") view.failed += 1;
    else if (state === "skipped") view.skipped += 1;
    else if (state === "cancelled") view.cancelled += 1;
  }
  return view;
}
