// Zod schemas as declarations of the language.
//  S1. A schema gives the declaration that its author would have written by hand, so that the digests are equal: what
//      Zod adds by itself (bounds of integers, patterns of formats) is taken away again.
//  S2. What the language cannot declare is refused here, with the path of it.
import * as z from "zod";
import { BuildError } from "./errors.ts";
import type { Source, SourceMap } from "./source.ts";
import type { File, ReturnedFile } from "./value.ts";

/** The key under which a schema carries what only our language knows. */
const ours = "x-capstan";
const formats = new Set(["date", "date-time", "time", "duration", "uri", "email", "uuid", "hostname"]);
const kept = [
  "title description examples default enum const minLength maxLength pattern format minimum maximum",
  "exclusiveMinimum exclusiveMaximum multipleOf minItems maxItems uniqueItems data sealed",
]
  .join(" ")
  .split(" ");

export interface FileOptions {
  readonly mediaType?: string;
  /** Bytes, or `512Mi`. */
  readonly maxSize?: string | number;
  /** Outputs: one match in the work folder is collected. */
  readonly path?: string;
  /** Data class. */
  readonly data?: string | readonly string[];
}

/** A file, kept by reference: `{ $file: name }` when a function returns it, a `File` when it is read. */
export const file = (options: FileOptions = {}): z.ZodType<File, ReturnedFile> =>
  z.custom<File>().meta({ [ours]: { type: "file", ...options } }) as unknown as z.ZodType<File, ReturnedFile>; // two sides, which `custom` does not have

export interface Declassification {
  /** The class that the value leaves. */
  readonly from: string;
  readonly reason: string;
  readonly approvers?: readonly string[];
}

/** An output that leaves its data class. */
export const declassified = <Schema extends z.ZodType>(schema: Schema, declassify: Declassification): Schema =>
  schema.meta({ ...schema.meta(), [ours]: { ...oursOf(schema.meta()), data: "public", declassify } });

type Json = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const oursOf = (schema: Json | undefined): Json => {
  const found = schema?.[ours];
  return isMap(found) ? found : {};
};

function jsonSchemaOf(schema: z.ZodType, path: string): Json {
  try {
    return z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "inline", cycles: "throw" });
  } catch (error) {
    throw new BuildError("unsupported_schema", `${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A type and null is `nullable`; any other union has no declaration. */
function nullableOf(schema: Json, path: string): Json {
  const { anyOf, type, ...rest } = schema;
  const alternatives: readonly unknown[] = Array.isArray(anyOf)
    ? anyOf
    : Array.isArray(type)
      ? type.map((one: unknown) => ({ type: one }))
      : [];
  if (alternatives.length === 0) return schema;
  const others = alternatives.filter((one) => !(isMap(one) && one["type"] === "null"));
  const [only] = others;
  if (others.length !== 1 || alternatives.length !== 2 || !isMap(only))
    throw new BuildError("unsupported_schema", `${path}: a union of types cannot be declared; use z.enum or an object`);
  return { ...only, ...rest, nullable: true };
}

const typeOfJson = (value: unknown): string | undefined =>
  typeof value === "number"
    ? Number.isInteger(value)
      ? "integer"
      : "number"
    : typeof value === "object"
      ? undefined
      : typeof value;

function typeOf(schema: Json, path: string): string {
  const own = oursOf(schema)["type"] ?? schema["type"];
  if (typeof own === "string" && own !== "null") return own;
  const listed: readonly unknown[] = Array.isArray(schema["enum"]) ? schema["enum"] : [schema["const"]];
  const [first] = new Set(listed.map(typeOfJson));
  if (first !== undefined && first !== "undefined") return first;
  throw new BuildError(
    "unsupported_schema",
    `${path}: this schema has no type of the language (text, number, list, …)`,
  );
}

/** A JSON Schema of Zod's as a declaration in its long form. */
function declarationOf(given: unknown, path: string): SourceMap {
  if (!isMap(given)) throw new BuildError("unsupported_schema", `${path}: this schema cannot be declared`);
  const schema = nullableOf(given, path);
  const type = typeOf(schema, path);
  const made: Record<string, unknown> = { type };
  if (schema["nullable"] === true) made["nullable"] = true;
  for (const key of kept) if (schema[key] !== undefined) made[key] = schema[key];
  const { format } = made;
  if (typeof format === "string") {
    // Zod writes a pattern beside each format it knows; ours are checked by name.
    if (formats.has(format)) delete made["pattern"];
    else delete made["format"];
  }
  if (type === "integer") {
    if (made["minimum"] === Number.MIN_SAFE_INTEGER) delete made["minimum"];
    if (made["maximum"] === Number.MAX_SAFE_INTEGER) delete made["maximum"];
  }
  for (const key of ["allOf", "oneOf", "not", "patternProperties", "prefixItems"])
    if (schema[key] !== undefined)
      throw new BuildError("unsupported_schema", `${path}: ${key} is not part of the types of inputs and outputs`);
  const { items, properties, required, additionalProperties } = schema;
  if (isMap(items) && Object.keys(items).length > 0) made["items"] = declarationOf(items, `${path}[]`);
  if (isMap(properties))
    made["properties"] = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, declarationOf(property, `${path}.${name}`)]),
    );
  if (Array.isArray(required) && required.length > 0) made["required"] = required;
  if (additionalProperties === false) made["additionalProperties"] = false;
  else if (isMap(additionalProperties) && Object.keys(additionalProperties).length > 0)
    made["additionalProperties"] = declarationOf(additionalProperties, `${path}.*`);
  return { ...made, ...oursOf(schema) } as SourceMap; // JSON, from JSON
}

function propertiesOf(
  schema: z.ZodType,
  path: string,
): { readonly each: readonly (readonly [string, unknown])[]; readonly required: ReadonlySet<string> } {
  const { properties, required } = jsonSchemaOf(schema, path);
  return {
    each: Object.entries(isMap(properties) ? properties : {}),
    required: new Set(Array.isArray(required) ? required.map(String) : []),
  };
}

/** The inputs of a workflow or the form of an approval. Neither required nor with a default: `optional`. */
export function inputsOf(schema: z.ZodType, path: string): Record<string, Source> {
  const { each, required } = propertiesOf(schema, path);
  return Object.fromEntries(
    each.map(([name, property]) => {
      const declaration = declarationOf(property, `${path}.${name}`);
      const isOptional = !required.has(name) && declaration["default"] === undefined;
      return [name, isOptional ? { ...declaration, optional: true } : declaration];
    }),
  );
}

/** The outputs of a task. A declared output is always there, so none may be optional. */
export function outputsOf(schema: z.ZodType, path: string): Record<string, Source> {
  const { each, required } = propertiesOf(schema, path);
  return Object.fromEntries(
    each.map(([name, property]) => {
      if (!required.has(name))
        throw new BuildError(
          "unsupported_schema",
          `${path}.${name}: a declared output is always there; use .nullable()`,
        );
      return [name, declarationOf(property, `${path}.${name}`)];
    }),
  );
}
