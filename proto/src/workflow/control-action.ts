// Actions that the control plane carries itself, in their long form.
import { parseDuration } from "../duration.ts";
import { bareExpression, canonicalText, normalizedExpression } from "../expression/template.ts";
import type { ApprovalAction, Expr, WaitAction, WorkflowAction } from "./canonical.ts";
import { declarationOf } from "./declaration.ts";
import { dynamicText, mapped, optional, present } from "./present.ts";
import type { TaskSource } from "./task-schema.ts";

type WaitSource = NonNullable<TaskSource["wait"]>;

const ms = (text: string): number => parseDuration(text) ?? 0;
const condition = (text: string): Expr => ({ $expr: normalizedExpression(bareExpression(text).source) });

export function waitOf(given: WaitSource): WaitAction {
  const source = typeof given === "string" ? { for: given } : given;
  return present({
    ...optional(source.for, forOf),
    until: optional(source.until, dynamicText),
    event: optional(source.event, (event) =>
      present({
        type: dynamicText(event.type),
        if: optional(event.if, condition),
        timeoutMs: optional(event.timeout, ms),
        onTimeout: event.onTimeout,
      }),
    ),
  }) as WaitAction; // the same keys, and absent stays absent
}

export function approvalOf(given: NonNullable<TaskSource["approval"]>): ApprovalAction {
  // The short form lacks `from`, which the checker reports.
  const source = typeof given === "string" ? { title: given, from: [] } : given;
  const { title, message, form, timeout, remindEvery, ...rest } = source;
  return present({
    ...rest,
    title: dynamicText(title),
    message: optional(message, dynamicText),
    form: optional(form, (map) => mapped(map, declarationOf)),
    timeoutMs: optional(timeout, ms),
    remindEveryMs: optional(remindEvery, ms),
  }) as ApprovalAction; // the same keys, and absent stays absent
}

export const workflowActionOf = (given: NonNullable<TaskSource["workflow"]>): WorkflowAction =>
  typeof given === "string" ? { name: given } : (present(given) as WorkflowAction); // as above

function forOf(text: string): Pick<WaitAction, "for" | "forMs"> {
  const value = canonicalText(text);
  return typeof value === "string" ? { forMs: ms(value) } : { for: value };
}
