// Do outputs have the declared types? The values come from a program, so nothing is coerced.
import type { JsonObject, JsonValue, ValueDeclaration } from "@capstan/proto";
import { fileOf } from "./input-files.ts";

const named = (value: JsonValue): string =>
  value === null ? "null" : Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `${typeof value} ${JSON.stringify(value).slice(0, 40)}`;

const equal = (a: JsonValue, b: JsonValue): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/** The first thing that is wrong with a value, as a sentence that begins with its place; undefined where it fits. */
export function typeProblem(value: JsonValue, declaration: ValueDeclaration, place: string): string | undefined {
  if (value === null) return declaration.nullable === true ? undefined : `${place} is null, declared as ${declaration.type}`;
  const wrong = `${place} is ${named(value)}, declared as ${declaration.type}`;
  if (declaration.enum !== undefined && !declaration.enum.some((allowed) => equal(allowed, value))) {
    return `${place} is none of the values in its enum`;
  }
  switch (declaration.type) {
    case "string":
      return typeof value === "string" ? undefined : wrong;
    case "boolean":
      return typeof value === "boolean" ? undefined : wrong;
    case "integer":
      return typeof value === "number" && Number.isSafeInteger(value) ? rangeProblem(value, declaration, place) : wrong;
    case "number":
      return typeof value === "number" && Number.isFinite(value) ? rangeProblem(value, declaration, place) : wrong;
    case "file":
      return fileOf(value) === undefined ? wrong : undefined;
    case "array": {
      if (!Array.isArray(value)) return wrong;
      const items = declaration.items;
      if (items === undefined) return undefined;
      for (const [i, item] of (value as readonly JsonValue[]).entries()) { // not narrowed by isArray
        const problem = typeProblem(item, items, `${place}[${i}]`);
        if (problem !== undefined) return problem;
      }
      return undefined;
    }
    case "object":
      return typeof value !== "object" || Array.isArray(value) ? wrong : objectProblem(value as JsonObject, declaration, place); // no list, as just checked
  }
}

function rangeProblem(value: number, declaration: ValueDeclaration, place: string): string | undefined {
  const { minimum, maximum } = declaration;
  if (minimum !== undefined && value < minimum) return `${place} is ${value}, below its minimum ${minimum}`;
  if (maximum !== undefined && value > maximum) return `${place} is ${value}, above its maximum ${maximum}`;
  return undefined;
}

function objectProblem(value: JsonObject, declaration: ValueDeclaration, place: string): string | undefined {
  const properties = declaration.properties ?? {};
  for (const name of declaration.required ?? []) {
    if (!Object.hasOwn(value, name)) return `${place}.${name} is missing`;
  }
  for (const [name, item] of Object.entries(value)) {
    const inner = Object.hasOwn(properties, name)
      ? properties[name]
      : typeof declaration.additionalProperties === "object"
        ? declaration.additionalProperties
        : undefined;
    if (inner === undefined) {
      if (declaration.additionalProperties === false) return `${place}.${name} is not declared`;
      continue;
    }
    const problem = typeProblem(item, inner, `${place}.${name}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
