// Whether the limits that tasks take of are there, and large enough. Asked at deploy, where the project is known.
import { parseDocument } from "./parse.ts";
import type { DocumentProblem } from "./problems.ts";
import type { WorkflowText } from "./read.ts";
import { workflowSchema } from "./schema.ts";
import { guess } from "../expression/nearest.ts";

/**
 * `unknown_limit` for names that the project does not have, and the warning `limit_unreachable` for weights above them.
 * @param capacities of the project's limits, by name
 */
export function checkLimits(
  { text, file }: WorkflowText,
  capacities: ReadonlyMap<string, number>,
): readonly DocumentProblem[] {
  const { value, problems } = parseDocument(text, file);
  const source = workflowSchema.safeParse(value);
  if (!source.success) return [];
  for (const [id, task] of Object.entries(source.data.tasks)) {
    for (const [index, limit] of (task.limits ?? []).entries()) {
      const { name, weight = 1 } = typeof limit === "string" ? { name: limit } : limit;
      const capacity = capacities.get(name);
      const path = ["tasks", id, "limits", index];
      if (capacity === undefined) {
        problems.add({
          code: "unknown_limit",
          detail: `the project has no limit ${name}`,
          hint: guess(name, [...capacities.keys()]) ?? `make it: capstan limits set ${name} <capacity>`,
          path,
        });
      } else if (weight > capacity) {
        problems.add({
          code: "limit_unreachable",
          detail: `${id} takes ${weight} of the limit ${name}, which has ${capacity}: that can never be met`,
          hint: `capstan limits set ${name} ${weight}`,
          path,
          severity: "warning",
        });
      }
    }
  }
  return problems.sorted();
}
