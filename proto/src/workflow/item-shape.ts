// The type of `item`, from the list that it comes from. What cannot be known before it runs is `dyn`.
import { checkExpression } from "../expression/guard.ts";
import { plainPathOf, referencesOf } from "../expression/references.ts";
import type { Scope } from "../expression/scope.ts";
import { dynShape, intShape, stringShape, type FieldShape, type ObjectShape, type Shape } from "../expression/shape.ts";
import { isExpr, isText, type CanonicalTask, type DynamicJson } from "./canonical.ts";
import { chainOf } from "./mapping.ts";

interface Tasks {
  readonly tasks: Readonly<Record<string, Pick<CanonicalTask, "forEach" | "matrix">>>;
}

/** The shape of the items of a mapped task. @param scope what its list sees */
export function itemShape(document: Tasks, key: string, scope: Scope, seen: ReadonlySet<string> = new Set()): Shape {
  const task = Object.hasOwn(document.tasks, key) ? document.tasks[key] : undefined;
  if (task === undefined || seen.has(key)) return dynShape;
  const chain = chainOf(task);
  if (chain !== undefined) return itemShape(document, chain, scope, new Set([...seen, key]));
  if (task.matrix !== undefined) return matrixShape(task.matrix, scope);
  return listItemShape(task.forEach as DynamicJson | undefined, scope); // no chain
}

/** `prev`: the same index of the task before it. */
export const prevShape = (outputs: ObjectShape): ObjectShape => ({
  kind: "object",
  fields: { state: { shape: stringShape }, outputs: { shape: outputs } },
});

function matrixShape(matrix: NonNullable<CanonicalTask["matrix"]>, scope: Scope): Shape {
  const fields: Record<string, FieldShape> = {};
  for (const [key, list] of Object.entries(matrix)) {
    if (key !== "include" && key !== "exclude") fields[key] = { shape: listItemShape(list as DynamicJson, scope) }; // a list or an expression
  }
  const { include } = matrix;
  if (include === undefined) return { kind: "object", noun: "a key of the matrix", fields };
  const added = listItemShape(include as DynamicJson, scope); // as above
  if (added.kind !== "object") return dynShape;
  return mergedObjects({ kind: "object", fields }, added);
}

function listItemShape(list: DynamicJson | undefined, scope: Scope): Shape {
  if (Array.isArray(list))
    return list.map((item: DynamicJson) => valueShape(item, scope)).reduce(merged, undefined) ?? dynShape;
  return isExpr(list) ? expressionItemShape(list.$expr, scope) : dynShape;
}

function valueShape(value: DynamicJson, scope: Scope): Shape {
  if (typeof value === "string" || isText(value)) return stringShape;
  if (typeof value === "boolean") return { kind: "bool" };
  if (typeof value === "number") return Number.isInteger(value) ? intShape : { kind: "double" };
  if (value === null || isExpr(value)) return dynShape;
  if (Array.isArray(value)) return { kind: "list", item: listItemShape(value, scope) };
  const fields: Record<string, FieldShape> = {};
  for (const [key, item] of Object.entries(value)) fields[key] = { shape: valueShape(item as DynamicJson, scope) }; // Array.isArray does not narrow readonly arrays away
  return { kind: "object", fields };
}

/** One shape for both; undefined is no shape yet. */
function merged(a: Shape | undefined, b: Shape): Shape {
  if (a === undefined) return b;
  if (a.kind === "object" && b.kind === "object") return mergedObjects(a, b);
  if (a.kind === "list" && b.kind === "list") return { kind: "list", item: merged(a.item, b.item) };
  if (a.kind === b.kind) return a;
  const numbers = new Set([a.kind, b.kind]);
  return numbers.has("int") && numbers.has("double") ? { kind: "double" } : dynShape;
}

/** A field that one of them lacks may be absent. */
function mergedObjects(a: ObjectShape, b: ObjectShape): ObjectShape {
  const fields: Record<string, FieldShape> = {};
  for (const name of new Set([...Object.keys(a.fields), ...Object.keys(b.fields)])) {
    const [one, other] = [a.fields[name], b.fields[name]];
    if (one !== undefined && other !== undefined) {
      const optional = one.optional === true || other.optional === true;
      fields[name] = { shape: merged(one.shape, other.shape), ...(optional ? { optional } : {}) };
    } else fields[name] = { shape: (one ?? other)?.shape ?? dynShape, optional: true };
  }
  return { kind: "object", fields };
}

function expressionItemShape(text: string, scope: Scope): Shape {
  try {
    const path = plainPathOf(text) === undefined ? undefined : referencesOf(text)[0];
    if (path !== undefined) {
      let shape: Shape | undefined = scope.roots[path.root];
      for (const { name } of path.steps) shape = shape?.kind === "object" ? shape.fields[name]?.shape : undefined;
      return shape?.kind === "list" ? shape.item : dynShape;
    }
    const { type } = checkExpression(text, scope);
    return type === undefined ? dynShape : itemOfType(type);
  } catch {
    return dynShape; // the checker reports the syntax
  }
}

/** `list<list<int>>` → a list of ints. */
function itemOfType(type: string): Shape {
  const inner = /^list<(.*)>$/.exec(type)?.[1];
  if (inner === undefined) return dynShape;
  if (inner.startsWith("list<")) return { kind: "list", item: itemOfType(inner) };
  return inner === "int" || inner === "double" || inner === "string" || inner === "bool" ? { kind: inner } : dynShape;
}
