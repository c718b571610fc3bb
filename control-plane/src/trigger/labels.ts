import {
  AppError,
  evaluateTree,
  isExpr,
  isText,
  scopeAt,
  type CanonicalWorkflow,
  type JsonObject,
} from "@capstan/proto";
import type { EarlyRun } from "./early-run.ts";

type Labels = Readonly<Record<string, string>>;

/** The labels of a run: those of its workflow, over the inputs, variables and the run, and those of the request, which win. @throws inputs_invalid */
export function completeLabels(
  document: CanonicalWorkflow,
  inputs: JsonObject,
  { vars, run }: Pick<EarlyRun, "vars" | "run">,
  given: Labels = {},
): Labels {
  const { labels } = document;
  if (labels === undefined) return given;
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(labels)) {
    if (!isExpr(value) && !isText(value)) {
      own[name] = value;
      continue;
    }
    try {
      own[name] = String(evaluateTree(value, { inputs, vars, run }, { scope: scopeAt(document, "run") }));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : "it cannot be evaluated";
      throw new AppError("inputs_invalid", `the label ${name} failed: ${why}`, { cause });
    }
  }
  return { ...own, ...given };
}
