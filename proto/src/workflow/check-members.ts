// Whether those who may answer are people of the project. Asked at deploy, where the project is known.
import { guess } from "../expression/nearest.ts";
import type { CanonicalWorkflow } from "./canonical.ts";
import { parseDocument } from "./parse.ts";
import type { DocumentProblem } from "./problems.ts";
import type { WorkflowText } from "./read.ts";

interface Asked {
  readonly names: readonly string[];
  readonly path: readonly string[];
}

/** Whether an approval or a declassification of the workflow asks people by their names. */
export const asksPeople = (document: CanonicalWorkflow): boolean =>
  askedOf(document).some(({ names }) => names.some((name) => name.startsWith("user:")));

/** `unknown_principal`, at its place in the text, for each `user:` who may answer something and is not known. */
export function checkMembers(
  document: CanonicalWorkflow,
  { text, file }: WorkflowText,
  known: ReadonlySet<string>,
): readonly DocumentProblem[] {
  const { problems } = parseDocument(text, file);
  for (const { names, path } of askedOf(document)) {
    for (const [index, principal] of names.entries()) {
      const [kind, name = ""] = principal.split(":");
      if (kind !== "user" || known.has(name)) continue;
      problems.add({
        code: "unknown_principal",
        detail: `the project has no member ${name}`,
        hint: guess(name, [...known]) ?? `make them one: capstan members add ${name} --role operator`,
        path: [...path, index],
      });
    }
  }
  return problems.sorted();
}

function askedOf({ tasks }: CanonicalWorkflow): readonly Asked[] {
  return Object.entries(tasks).flatMap(([id, { action, outputs }]): readonly Asked[] => [
    ...("approval" in action ? [{ names: action.approval.from, path: ["tasks", id, "approval", "from"] }] : []),
    ...Object.entries(outputs ?? {}).flatMap(([name, { declassify }]): readonly Asked[] =>
      declassify?.approvers === undefined
        ? []
        : [{ names: declassify.approvers, path: ["tasks", id, "outputs", name, "declassify", "approvers"] }],
    ),
  ]);
}
