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

/** @throws expression_failed expression_timeout inputs_invalid */
export function askedBy(
  document: CanonicalWorkflow,
  trigger: CanonicalTrigger,
  context: ExpressionContext,
  before: EarlyRun,
): Asked {
  const scope = scopeAt(document, placeOfTrigger(trigger));
  const evaluated = (tree: unknown): unknown =>
    evaluateTree(tree as Parameters<typeof evaluateTree>[0], context, { scope }); // canonical: JSON with expressions
  if (trigger.if !== undefined && evaluated(trigger.if) !== true)
    return { kind: "filtered", condition: trigger.if.$expr, values: valuesUsed(trigger.if, context) };
  const inputs = completeInputs(document, evaluated(trigger.inputs ?? {}) as JsonObject, before); // JSON, of a map
  const labels = evaluated(trigger.labels ?? {}) as Readonly<Record<string, string>>; // texts, by the checker
  return { kind: "asked", inputs, labels: completeLabels(document, inputs, before, labels) };
}
