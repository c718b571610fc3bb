import { AppError, checkInputs, type CanonicalWorkflow, type JsonObject } from "@capstan/proto";
import type { EarlyRun } from "./early-run.ts";

/** The inputs of a run: checked against their declarations, defaults filled in. `within`: JSON pointer of the run in the request. @throws inputs_invalid */
export function completeInputs(
  document: CanonicalWorkflow,
  given: JsonObject,
  { vars, run }: Pick<EarlyRun, "vars" | "run">,
  within = "",
): JsonObject {
  const checked = checkInputs(document, given, { vars, run });
  const first = checked.problems[0];
  if (first === undefined) return checked.inputs;
  throw new AppError("inputs_invalid", first.detail, {
    problems: checked.problems.map((problem) => ({ ...problem, pointer: `${within}/inputs${problem.pointer}` })),
  });
}
