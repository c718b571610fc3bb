// What a trigger asks for: whether it wants a run of what came, and with which inputs and labels.
import {
  evaluateTree,
  placeOfTrigger,
  scopeAt,
  valuesUsed,
  type CanonicalTrigger,
  type CanonicalWorkflow,
  type ExpressionContext,
  type JsonObject,
} from "@capstan/proto";
import type { EarlyRun } from "./early-run.ts";
import { completeInputs } from "./inputs.ts";
import { completeLabels } from "./labels.ts";

export type Asked =
  | { readonly kind: "asked"; readonly inputs: JsonObject; readonly labels: Readonly<Record<string, string>> }
  /** Its condition was false: the condition, and the values of the names in it. */
  | { readonly kind: "filtered"; readonly condition: string; readonly values: JsonObject };

/** What somebody gives over that of the trigger: values, no expressions. */
export interface Given {
  readonly inputs?: JsonObject;
  readonly labels?: Readonly<Record<string, string>>;
}

/** @throws expression_failed expression_timeout inputs_invalid */
export function askedBy(
  document: CanonicalWorkflow,
  trigger: CanonicalTrigger,
  context: ExpressionContext,
  before: EarlyRun,
  over: Given = {},
): Asked {
  const scope = scopeAt(document, placeOfTrigger(trigger));
  const evaluated = (tree: unknown): unknown =>
    evaluateTree(tree as Parameters<typeof evaluateTree>[0], context, { scope }); // canonical: JSON with expressions
  if (trigger.if !== undefined && evaluated(trigger.if) !== true)
    return { kind: "filtered", condition: trigger.if.$expr, values: valuesUsed(trigger.if, context) };
  const given = evaluated(trigger.inputs ?? {}) as JsonObject; // JSON, of a map
  const inputs = completeInputs(document, { ...given, ...over.inputs }, before);
  const labels = evaluated(trigger.labels ?? {}) as Readonly<Record<string, string>>; // texts, by the checker
  return { kind: "asked", inputs, labels: completeLabels(document, inputs, before, { ...labels, ...over.labels }) };
}
