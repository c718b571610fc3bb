// The keys that the schema knows at a path, for "did you mean".
import type * as z from "zod";

/** Keys of the maps that may stand at a path; of each form, where a value has several. */
export function knownKeysAt(schema: z.core.$ZodType, path: readonly (string | number)[]): readonly string[] {
  let at: readonly z.core.$ZodType[] = [schema];
  for (const name of path) at = at.flatMap((one) => unwrapped(one)).flatMap((one) => partOf(one, name));
  return at.flatMap((one) => unwrapped(one)).flatMap((one) => Object.keys(shapeOf(one) ?? {}));
}

/** Whether a value can stand at a path, by its keys alone. */
export function isKnownPath(schema: z.core.$ZodType, path: readonly string[]): boolean {
  let at: readonly z.core.$ZodType[] = [schema];
  for (const name of path) {
    const maps = at.flatMap((one) => unwrapped(one));
    // Below what may hold any JSON there may be anything.
    if (maps.some((one) => isOpen(one))) return true;
    at = maps.flatMap((one) => partOf(one, name));
  }
  return at.length > 0;
}

const isOpen = (schema: z.core.$ZodType): boolean => ["any", "unknown", "custom"].includes(definitionOf(schema).type);

/** Narrowed by hand, because the library's public types hide what a schema is made of. */
type Definition = z.core.$ZodTypeDef & {
  readonly innerType?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
  readonly getter?: () => z.core.$ZodType;
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly catchall?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
};
const definitionOf = (schema: z.core.$ZodType): Definition => schema._zod.def;

function unwrapped(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  const definition = definitionOf(schema);
  switch (definition.type) {
    case "optional":
    case "nullable":
      return definition.innerType === undefined ? [] : unwrapped(definition.innerType);
    case "union":
      return (definition.options ?? []).flatMap((option) => unwrapped(option));
    case "lazy":
      return definition.getter === undefined ? [] : unwrapped(definition.getter());
    default:
      return [schema];
  }
}

const shapeOf = (schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> | undefined => {
  const definition = definitionOf(schema);
  return definition.type === "object" ? definition.shape : undefined;
};

function partOf(schema: z.core.$ZodType, name: string | number): readonly z.core.$ZodType[] {
  const definition = definitionOf(schema);
  const part =
    definition.type === "object"
      ? (ownOf(definition.shape, String(name)) ?? definition.catchall)
      : definition.type === "record"
        ? definition.valueType
        : definition.type === "array"
          ? definition.element
          : undefined;
  return part === undefined || definitionOf(part).type === "never" ? [] : [part];
}

const ownOf = <T>(map: Readonly<Record<string, T>> | undefined, name: string): T | undefined =>
  map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
