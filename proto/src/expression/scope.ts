// Where an expression stands decides what it can see. A scope holds the types of the variables of one place.
import type { ObjectShape, Shape } from "./shape.ts";

export interface Scope {
  /** Names the place in messages: "in a task", "in a default". */
  readonly place: string;
  readonly roots: Readonly<Record<string, Shape>>;
  /** True for `if`: success() failure() cancelled() always() may be called. */
  readonly statusFunctions: boolean;
}

/** Every variable of the language; one that a scope lacks is known, but not available there. */
export const rootNames = [
  "inputs",
  "vars",
  "tasks",
  "needs",
  "run",
  "trigger",
  "item",
  "index",
  "prev",
  "event",
  "secrets",
  "agent",
  "attempt",
  "result",
  "cursor",
  "poll",
] as const;

const everything: Record<string, Shape> = {};
for (const name of rootNames) everything[name] = { kind: "dyn" };
everything["secrets"] = { kind: "map", value: { kind: "secret" } };

/** Nothing declared: whole numbers are ints, everything else is what it is. */
export const untypedScope: Scope = { place: "anywhere", roots: everything, statusFunctions: true };

/** Keeps of a shape only the fields that are used, so that a type is built for no more than an expression needs. */
export function pruned(shape: Shape, paths: readonly (readonly string[])[]): Shape {
  if (shape.kind !== "object" || paths.some((path) => path.length === 0)) return shape;
  const fields: Record<string, ObjectShape["fields"][string]> = {};
  const byName = new Map<string, (readonly string[])[]>();
  for (const [name, ...rest] of paths) {
    if (name === undefined) continue;
    const list = byName.get(name);
    if (list === undefined) byName.set(name, [rest]);
    else list.push(rest);
  }
  for (const [name, rests] of byName) {
    const field = Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined;
    if (field !== undefined) fields[name] = { ...field, shape: pruned(field.shape, rests) };
    else if (shape.open === true) return shape;
  }
  return { ...shape, fields };
}
