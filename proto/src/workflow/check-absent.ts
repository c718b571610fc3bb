// What an expression refers to and what may not be there when it is evaluated: outputs of a task that may not have
// succeeded, results of one that may never have had a list, and in a chain the task before it, which goes on.
import { referencesOf, type PathStep } from "../expression/references.ts";
import { chainOf, isMapped } from "./mapping.ts";
import { scopeAt, type Declarations } from "./scope-of.ts";

export type Add = (code: string, detail: string, at: number, hint?: string) => void;

interface At {
  /** Whether a task has succeeded for certain. */
  readonly sure: (task: string) => boolean;
  /** The task that the expression stands in. */
  readonly task?: string;
}

export function checkAbsent(text: string, spot: At, declarations: Declarations, add: Add): void {
  const own = spot.task === undefined ? undefined : declarations.tasks[spot.task];
  const chain = own === undefined ? undefined : chainOf(own);
  for (const { root, steps, at } of referencesOf(text)) {
    const [first, field] = steps;
    if (root === "prev" && chain !== undefined) checkPrev(first, at, chain, spot, add);
    if (root !== "tasks" || first === undefined) continue;
    if (first.name === chain) {
      const detail = `tasks.${chain} has not ended while an index of its chain runs`;
      add("not_available_here", detail, at, "write prev.outputs or prev.state");
      continue;
    }
    if (field === undefined || field.optional || spot.sure(first.name)) continue;
    if (field.name === "outputs") checkOutputs(first, steps[2]?.name, declarations, add);
    if (field.name === "results") checkResults(first, declarations, add);
  }
}

function checkOutputs(task: PathStep, output: string | undefined, declarations: Declarations, add: Add): void {
  if (!Object.hasOwn(declarations.tasks, task.name)) return;
  if (output !== undefined && !Object.hasOwn(scopeOutputs(declarations, task.name), output)) return;
  const path = `tasks.${task.name}.?outputs${output === undefined ? "" : `.?${output}`}`;
  const detail = `${task.name} may not have succeeded here, and then it has no outputs`;
  add("maybe_missing", detail, task.at, `write ${path}.orValue(…)`);
}

function checkResults(task: PathStep, declarations: Declarations, add: Add): void {
  const found = Object.hasOwn(declarations.tasks, task.name) ? declarations.tasks[task.name] : undefined;
  if (found === undefined || !isMapped(found)) return;
  const detail = `${task.name} may have been skipped before it had a list, and then it has no results`;
  add("maybe_missing", detail, task.at, `write tasks.${task.name}.?results.orValue([])`);
}

function checkPrev(step: PathStep | undefined, at: number, chain: string, spot: At, add: Add): void {
  if (step?.name !== "outputs" || step.optional || spot.sure(chain)) return;
  const detail = `the same index of ${chain} may not have succeeded here, and then it has no outputs`;
  add("maybe_missing", detail, at, "write prev.?outputs.?NAME.orValue(…)");
}

const scopeOutputs = (declarations: Declarations, task: string): object => {
  const tasks = scopeAt(declarations, "task").roots["tasks"];
  const shape = tasks?.kind === "object" ? tasks.fields[task]?.shape : undefined;
  const outputs = shape?.kind === "object" ? shape.fields["outputs"]?.shape : undefined;
  return outputs?.kind === "object" ? outputs.fields : {};
};
