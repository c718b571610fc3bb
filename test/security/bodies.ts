// Bodies and queries by the schemas of the routes, with a text of one's choice in every place that takes a text.
import { z } from "zod";
import type { Route } from "@capstan/proto";

/** The part of JSON Schema that the schemas of routes give. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema | boolean;
  readonly prefixItems?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly $ref?: string;
  readonly additionalProperties?: Schema | boolean;
}

// Zod writes JSON Schema 2020-12, of which `Schema` names what is used here.
const schemaOf = (type: z.ZodType): Schema => z.toJSONSchema(type, { io: "input", unrepresentable: "any" }) as Schema;

/** A value of the schema in which each text is `text`; free-form values are objects that hold it. */
function valueOf(schema: Schema | boolean | undefined, text: string, depth = 0): unknown {
  if (typeof schema !== "object" || depth > 6 || schema.$ref !== undefined) return text;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const [first] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (first !== undefined && schema.type === undefined) return valueOf(first, text, depth + 1);
  switch (typeof schema.type === "string" ? schema.type : schema.type?.[0]) {
    case "string":
      return text;
    case "integer":
    case "number":
      return Math.max(1, schema.minimum ?? 1);
    case "boolean":
      return false;
    case "null":
      return null;
    case "array":
      return (
        schema.prefixItems?.map((one) => valueOf(one, text, depth + 1)) ?? [valueOf(schema.items, text, depth + 1)]
      );
    case "object":
    case undefined:
    default: {
      const entries = Object.entries(schema.properties ?? {}).map(([key, one]) => [key, valueOf(one, text, depth + 1)]);
      return entries.length > 0 ? Object.fromEntries(entries) : { value: text, [text]: text };
    }
  }
}

/** A body of the route, complete but for what only a thing that exists could give. */
export const bodyOf = (route: Route, text: string): unknown =>
  route.body === undefined ? undefined : valueOf(schemaOf(route.body), text);

/** The keys that the query of a route may have. */
export const queryKeys = (route: Route): readonly string[] =>
  route.query === undefined ? [] : Object.keys(schemaOf(route.query).properties ?? {});

/** The fields of a route's body. */
export const bodyKeys = (route: Route): readonly string[] =>
  route.body === undefined ? [] : Object.keys(schemaOf(route.body).properties ?? {});
