// Declarations of values: inputs, outputs, forms. The allowed part of JSON Schema and a few keys of ours.
import * as z from "zod";
import { json, nameText, requiredText, sizeValue, text, whole } from "./scalar-schema.ts";

export const valueTypes = ["string", "integer", "number", "boolean", "array", "object", "file"] as const;
export const typeName = z.enum(valueTypes);
export const formats = ["date", "date-time", "time", "duration", "uri", "email", "uuid", "hostname"] as const;

/** Keys of JSON Schema that are understood and refused, so that nobody thinks they count. */
export const unsupportedSchemaKeys: ReadonlySet<string> = new Set([
  "$ref",
  "allOf",
  "oneOf",
  "anyOf",
  "not",
  "if",
  "then",
  "else",
  "patternProperties",
  "dependentSchemas",
  "prefixItems",
  "contains",
]);

export interface LongDeclaration {
  readonly type: (typeof valueTypes)[number];
  readonly items?: DeclarationSource | undefined;
  readonly properties?: Readonly<Record<string, DeclarationSource>> | undefined;
  readonly additionalProperties?: boolean | DeclarationSource | undefined;
  readonly maxSize?: string | number | undefined;
  readonly [key: string]: unknown;
}
export type DeclarationSource = (typeof valueTypes)[number] | LongDeclaration;

const number = z.number();
const common = {
  type: typeName,
  nullable: z.boolean().optional(),
  title: text(200).optional(),
  description: text(16_384).optional(),
  examples: z.array(json).optional(),
  default: json.optional(),
  enum: z.array(json).min(1).max(1000).optional(),
  const: json.optional(),
  minLength: whole(0, 1_000_000).optional(),
  maxLength: whole(0, 1_000_000).optional(),
  pattern: text(1000).optional(),
  format: z.enum(formats).optional(),
  minimum: number.optional(),
  maximum: number.optional(),
  exclusiveMinimum: number.optional(),
  exclusiveMaximum: number.optional(),
  multipleOf: z.number().positive().optional(),
  minItems: whole(0, 1_000_000).optional(),
  maxItems: whole(0, 1_000_000).optional(),
  uniqueItems: z.boolean().optional(),
  required: z.array(requiredText(200)).optional(),
  mediaType: text(200).optional(),
  maxSize: sizeValue.optional(),
  data: z.union([nameText, z.array(nameText)]).optional(),
  sealed: z.boolean().optional(),
};

const nested: z.ZodType<DeclarationSource> = z.lazy(() => declaration);
const structure = {
  items: nested.optional(),
  properties: z.record(z.string(), nested).optional(),
  additionalProperties: z.union([z.boolean(), nested]).optional(),
};

const long: z.ZodType<LongDeclaration> = z.strictObject({ ...common, ...structure });
/** A part of a declared value. */
export const declaration: z.ZodType<DeclarationSource> = z.union([typeName, long]);

const longInput: z.ZodType<LongDeclaration> = z.strictObject({
  ...common,
  ...structure,
  optional: z.boolean().optional(),
});
export const inputDeclaration: z.ZodType<DeclarationSource> = z.union([typeName, longInput]);

const declassify = z.strictObject({
  from: nameText,
  reason: requiredText(1000),
  approvers: z.array(text(200)).optional(),
});
const longOutput: z.ZodType<LongDeclaration> = z.strictObject({
  ...common,
  ...structure,
  path: requiredText(1000).optional(),
  declassify: declassify.optional(),
});
export const outputDeclaration: z.ZodType<DeclarationSource> = z.union([typeName, longOutput]);
