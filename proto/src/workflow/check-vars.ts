// Whether the project has the variables that a workflow reads. Asked at deploy, where the project is known.
import { guess } from "../expression/nearest.ts";
import { parseDocument } from "./parse.ts";
import type { DocumentProblem } from "./problems.ts";
import type { WorkflowText } from "./read.ts";
import { workflowSchema } from "./schema.ts";

/** `unknown_var`, at its place, for each name of `vars` that the project does not have. */
export function checkVars({ text, file }: WorkflowText, known: ReadonlySet<string>): readonly DocumentProblem[] {
  const { value, problems } = parseDocument(text, file);
  const source = workflowSchema.safeParse(value);
  if (!source.success) return [];
  for (const [index, name] of (source.data.vars ?? []).entries()) {
    if (known.has(name)) continue;
    problems.add({
      code: "unknown_var",
      detail: `the project has no variable ${name}`,
      hint: guess(name, [...known]) ?? `make it: capstan vars set ${name} <value>`,
      path: ["vars", index],
    });
  }
  return problems.sorted();
}
