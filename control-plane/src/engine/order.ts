// In which order runs of a project come: their priority and the key by which they take turns, frozen with their inputs.
import {
  defaultPriority,
  evaluateTree,
  isExpr,
  isText,
  priorityMax,
  priorityMin,
  scopeAt,
  type CanonicalWorkflow,
} from "@capstan/proto";
import { backfillPriority } from "./backfill.ts";
import type { Run } from "./snapshot.ts";
import { orderValuesOf, type RunValues } from "./vars.ts";

export type RunOrder =
  | { readonly kind: "order"; readonly priority: number; readonly fairnessKey: string }
  | { readonly kind: "error"; readonly message: string };

/** Priority (1 to 5, 1 first) and fairness key (the workflow's name unless said) of a run with these values. */
export function orderOf(document: CanonicalWorkflow, values: RunValues): RunOrder {
  const { priority, fairnessKey } = document;
  try {
    const asked = priority ?? defaultPriority;
    const number = typeof asked === "number" ? asked : evaluateTree(asked, { ...values }, at(document));
    if (!Number.isInteger(number) || Number(number) < priorityMin || Number(number) > priorityMax) {
      return { kind: "error", message: `priority: ${JSON.stringify(number)} is no whole number from 1 to 5` };
    }
    const key = fairnessKey ?? document.name;
    const text = isExpr(key) || isText(key) ? String(evaluateTree(key, { ...values }, at(document))) : key;
    return { kind: "order", priority: Number(number), fairnessKey: text };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "error", message: `priority or fairnessKey: ${message}` };
  }
}

/**
 * The same for a run, whatever asked for it. Runs of a backfill, and what they start, come behind everything else and take
 * turns among themselves, whatever their workflow says: they make up for what has been and must not keep back what is due.
 */
export function orderOfRun(document: CanonicalWorkflow, run: Pick<Run, "inputs" | "trigger" | "labels">): RunOrder {
  const { backfill } = run.trigger;
  if (typeof backfill !== "string") return orderOf(document, orderValuesOf(run));
  return { kind: "order", priority: backfillPriority, fairnessKey: `backfill:${backfill}` };
}

const at = (document: CanonicalWorkflow): { readonly scope: ReturnType<typeof scopeAt> } => ({
  scope: scopeAt(document, "run"),
});
