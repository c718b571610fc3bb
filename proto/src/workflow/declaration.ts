import type { ValueDeclaration } from "./canonical.ts";
import { dynamicJson, mapped, optional, present } from "./present.ts";
import { parseSize } from "./scalar-schema.ts";
import type { DeclarationSource } from "./value-schema.ts";

/** A declaration in its long form. */
export function declarationOf(source: DeclarationSource): ValueDeclaration {
  if (typeof source === "string") return { type: source };
  const { items, properties, additionalProperties, maxSize, default: given, data, ...rest } = source;
  return present({
    ...rest,
    items: optional(items, declarationOf),
    properties: optional(properties, (map) => mapped(map, declarationOf)),
    additionalProperties:
      typeof additionalProperties === "boolean" ? additionalProperties : optional(additionalProperties, declarationOf),
    maxSize: optional(maxSize, parseSize),
    default: given === undefined ? undefined : dynamicJson(given),
    data: optional(data as string | readonly string[] | undefined, classesOf), // by the schema
  }) as ValueDeclaration; // the schema has checked the rest of the keys
}

/** One class or several, as a sorted list. */
export const classesOf = (given: string | readonly string[]): readonly string[] =>
  [...new Set(typeof given === "string" ? [given] : given)].sort();
