// Which names the expressions of a task use, so that an offer carries these and no others.
import type { ExpressionContext } from "../expression/look-up.ts";
import { referencesOf, type Reference } from "../expression/references.ts";
import { isExpr, type CanonicalTask, type CanonicalWorkflow, type Expr } from "./canonical.ts";
import { taskOf } from "./task-of.ts";

/** Calls `visit` for each expression in a JSON tree. */
export function forEachExpression(tree: unknown, visit: (expr: Expr) => void): void {
  if (typeof tree !== "object" || tree === null) return;
  if (isExpr(tree)) visit(tree);
  else for (const part of Array.isArray(tree) ? tree : Object.values(tree)) forEachExpression(part, visit);
}

/** What an agent evaluates of a task; `if` and `runsOn` are the control plane's. */
const agentParts = (task: CanonicalTask): readonly unknown[] => [task.action, task.with, task.env];

const names = new WeakMap<CanonicalTask, readonly string[]>();

/**
 * The names that an agent needs for a task, by plain id or hook key, sorted: `inputs.url`, `tasks.load.outputs.rows`,
 * `tasks.load.state`, `run`, `trigger`, `attempt`. A variable used as a whole, or by a computed index, stands alone:
 * `inputs`. Secrets are not among them (`secretNames`). Empty for an unknown key.
 */
export function contextNames(document: CanonicalWorkflow, key: string): readonly string[] {
  const task = taskOf(document, key);
  if (task === undefined) return [];
  let known = names.get(task);
  if (known === undefined) {
    known = namesIn(agentParts(task));
    names.set(task, known);
  }
  return known;
}

/** The same for the condition of a task. */
export const conditionNames = (expr: Expr): readonly string[] => namesIn([expr]);

function namesIn(trees: readonly unknown[]): readonly string[] {
  const found = new Set<string>();
  forEachExpression(trees, (expr) => {
    for (const reference of referencesOf(expr.$expr)) if (reference.root !== "secrets") found.add(nameOf(reference));
  });
  // What a wider name covers is said by the wider one.
  return [...found].filter((name) => !parentsOf(name).some((parent) => found.has(parent))).sort();
}

const parentsOf = (name: string): readonly string[] => {
  const parts = name.split(".");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("."));
};

/** As deep as a variable is cut: an input, an output. */
const depths: Readonly<Record<string, number>> = { inputs: 1, vars: 1, tasks: 3 };

function nameOf(reference: Reference): string {
  const depth = depths[reference.root] ?? 0;
  return [reference.root, ...reference.steps.slice(0, depth).map((step) => step.name)].join(".");
}

/** Names of the secrets that a task uses, sorted. */
export function secretNames(document: CanonicalWorkflow, key: string): readonly string[] {
  const task = taskOf(document, key);
  const found = new Set<string>();
  if (task !== undefined) {
    forEachExpression(agentParts(task), (expr) => {
      for (const { root, steps } of referencesOf(expr.$expr)) {
        if (root === "secrets" && steps[0] !== undefined) found.add(steps[0].name);
      }
    });
  }
  return [...found].sort();
}

/** The part of a context that these names ask for. */
export function pickContext(context: ExpressionContext, wanted: readonly string[]): ExpressionContext {
  const picked: Record<string, unknown> = {};
  for (const name of wanted) copyPath(context, picked, name.split("."));
  return picked;
}

function copyPath(from: object, to: Record<string, unknown>, [name, ...rest]: readonly string[]): void {
  if (name === undefined || !Object.hasOwn(from, name)) return;
  const value: unknown = (from as Record<string, unknown>)[name]; // it has the name
  if (rest.length === 0 || typeof value !== "object" || value === null) {
    to[name] = value;
    return;
  }
  const inner = to[name];
  const target: Record<string, unknown> = typeof inner === "object" && inner !== null ? { ...inner } : {};
  to[name] = target;
  copyPath(value, target, rest);
}
