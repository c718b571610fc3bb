// Whether the files that actions name are in the code that was packed. Asked where the packed code is known: by the author's
// command line, and at deploy.
import { guess } from "../expression/nearest.ts";
import { parseDocument } from "./parse.ts";
import type { DocumentProblem } from "./problems.ts";
import type { WorkflowText } from "./read.ts";
import { workflowSchema } from "./schema.ts";

type Path = readonly (string | number)[];

interface NamedFile {
  readonly file: string;
  readonly path: Path;
}

/**
 * The problems `code_missing` of a workflow that is otherwise right.
 * @param bundled paths in the code bundle; empty where there is none
 */
export function checkCode({ text, file }: WorkflowText, bundled: ReadonlySet<string>): readonly DocumentProblem[] {
  const { value, problems } = parseDocument(text, file);
  const source = workflowSchema.safeParse(value);
  if (!source.success) return [];
  const { tasks, hooks } = source.data;
  const actions = [
    ...Object.entries(tasks).map(([id, task]) => ({ action: task, path: ["tasks", id] })),
    ...Object.entries(hooks ?? {}).flatMap(([name, entries]) =>
      (entries ?? []).map((entry, index) => ({ action: entry, path: ["hooks", name, index] })),
    ),
    ...Object.entries(tasks).flatMap(([id, task]) =>
      Object.entries(task.hooks ?? {}).flatMap(([name, entries]) =>
        (entries ?? []).map((entry, index) => ({ action: entry, path: ["tasks", id, "hooks", name, index] })),
      ),
    ),
  ];
  for (const named of actions.flatMap(({ action, path }) => filesOf(action, path))) {
    if (bundled.has(named.file)) continue;
    problems.add({
      code: "code_missing",
      detail: `${named.file} is not in the code bundle`,
      hint: bundled.size === 0 ? "no file of the workflow's folder was packed" : guess(named.file, [...bundled]),
      path: named.path,
    });
  }
  return problems.sorted();
}

/** Files by name. A Python `call` is none: its module may as well be installed on the agent. */
function filesOf(action: Readonly<Record<string, unknown>>, path: Path): readonly NamedFile[] {
  const found: NamedFile[] = [];
  const add = (value: unknown, ...where: readonly string[]): void => {
    if (typeof value !== "string") return;
    const [name = ""] = where[0] === "node" ? value.split("#") : [value];
    found.push({ file: name, path: [...path, ...where] });
  };
  for (const kind of ["run", "python", "node", "sql"]) {
    const fields = action[kind];
    if (typeof fields === "object" && fields !== null && "file" in fields) add(fields.file, kind, "file");
    if (typeof fields === "object" && fields !== null && "entry" in fields) add(fields.entry, kind, "entry");
  }
  const { python } = action;
  if (typeof python === "object" && python !== null && "environment" in python) {
    const { environment } = python;
    if (typeof environment === "object" && environment !== null && "requirements" in environment)
      add(environment.requirements, "python", "environment", "requirements");
  }
  add(action["node"], "node");
  return found;
}
