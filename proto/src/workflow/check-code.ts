// Whether the files that actions name are in the code that was packed. Asked where the packed code is known: by the author's
// command line, and at deploy.
import { guess } from "../expression/nearest.ts";
import type { CanonicalHook, CanonicalTask, CanonicalWorkflow } from "./canonical.ts";
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

/**
 * Whether a document may name a file that is not among these. It asks of its canonical form, which is there already, so that
 * the text of a workflow without files is not read a second time for `checkCode`.
 */
export function mayMissCode(document: CanonicalWorkflow, bundled: ReadonlySet<string>): boolean {
  const misses = (value: unknown): boolean => {
    if (typeof value !== "object" || value === null) return false;
    return Object.entries(value).some(([key, part]) =>
      fileKeys.has(key) && typeof part === "string" ? !bundled.has(part.split("#")[0] ?? part) : misses(part),
    );
  };
  const hooks = [...Object.values(document.hooks ?? {}), ...Object.values(document.tasks).flatMap(hooksOf)].flat();
  return [...Object.values(document.tasks), ...hooks].some((one) => misses(one?.action));
}
const fileKeys: ReadonlySet<string> = new Set(["file", "entry", "requirements"]);
const hooksOf = (task: CanonicalTask): readonly (readonly CanonicalHook[] | undefined)[] =>
  Object.values(task.hooks ?? {});

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
