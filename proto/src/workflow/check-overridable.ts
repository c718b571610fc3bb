// What a version lets a request for a run change, by JSON pointers of the document in its long form.
//  O1. A pointer covers its place and all that is below it.
//  O2. Nothing that says what the workflow is to others can be listed: its name, its triggers, its declared inputs, its code.
//  O3. A pointer that can never name a place is an error of the file, so that a slip of the pen opens nothing and closes nothing.
import { guess } from "../expression/nearest.ts";
import type { ProblemList } from "./problems.ts";
import { isKnownPath, knownKeysAt } from "./schema-keys.ts";
import { workflowSchema, type WorkflowSource } from "./schema.ts";
import { pathOfPointer } from "./source.ts";

/** Parts of a document that a run may have of its own. */
const changeable = [
  "tasks",
  "timeout",
  "cleanupTimeout",
  "priority",
  "fairnessKey",
  "concurrency",
  "labels",
  "secrets",
  "outputs",
  "hooks",
  "sla",
] as const;

const hints: Readonly<Record<string, string>> = {
  inputs: "a run gives its inputs as inputs",
  defaults: "name the keys of tasks: defaults are merged into them",
};

/** Whether a version that lists these pointers lets a run change a place. */
export const isCovered = (overridable: readonly string[], pointer: string): boolean =>
  overridable.some((one) => pointer === one || pointer.startsWith(`${one}/`));

export function checkOverridable(source: WorkflowSource, problems: ProblemList): void {
  for (const [index, pointer] of (source.overridable ?? []).entries()) {
    const wrong = problemOf(source, pointer);
    if (wrong !== undefined) problems.add({ ...wrong, path: ["overridable", index] });
  }
}

interface Wrong {
  readonly code: "bad_value" | "unknown_task" | "unknown_key";
  readonly detail: string;
  readonly hint?: string | undefined;
}

function problemOf(source: WorkflowSource, pointer: string): Wrong | undefined {
  const path = pathOfPointer(pointer);
  if (path === undefined) {
    return {
      code: "bad_value",
      detail: `${JSON.stringify(pointer)} is no JSON pointer`,
      hint: "write the names on the way with slashes, such as /tasks/load/timeout",
    };
  }
  const [section = "", id = "", key] = path;
  if (!changeable.some((name) => name === section)) {
    return {
      code: "bad_value",
      detail: `a run cannot change ${section}`,
      hint: hints[section] ?? guess(section, changeable),
    };
  }
  if (section === "tasks") {
    if (key === undefined)
      return { code: "bad_value", detail: `${pointer} is too much`, hint: "name a key of a task: /tasks/load/timeout" };
    if (!Object.hasOwn(source.tasks, id))
      return { code: "unknown_task", detail: `there is no task ${id}`, hint: guess(id, Object.keys(source.tasks)) };
  }
  for (let length = 1; length <= path.length; length++) {
    if (isKnownPath(workflowSchema, path.slice(0, length))) continue;
    const name = path[length - 1] ?? "";
    const known = [...new Set(knownKeysAt(workflowSchema, path.slice(0, length - 1)))];
    return { code: "unknown_key", detail: `${pointer}: ${name} is no key there`, hint: guess(name, known) };
  }
  return undefined;
}
