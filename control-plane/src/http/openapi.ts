// OpenAPI 3.1 from the route table. Nothing is written by hand, so nothing can disagree with what the server checks.
import { z } from "zod";
import {
  errorEntry,
  parameterExamples,
  problemMediaType,
  problemSchema,
  routeErrors,
  routeExamples,
  routeParams,
  routes,
  type Route,
} from "@capstan/proto";

type Json = Readonly<Record<string, unknown>>;

export function openApiDocument(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [name, route] of Object.entries<Route>(routes)) {
    const item = paths[route.path] ?? {};
    item[route.method.toLowerCase()] = operation(name, route);
    paths[route.path] = item;
  }
  return {
    openapi: "3.1.0",
    info: { title: "Capstan", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    paths,
    components: {
      schemas: { Problem: schemaOf(problemSchema, "output"), Json: { description: "Any JSON value" } },
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
        session: { type: "apiKey", in: "cookie", name: "capstan" },
      },
    },
  };
}

function operation(name: string, route: Route): Json {
  const parameters = [
    ...routeParams(route.path).map((parameter) => ({
      name: parameter,
      in: "path",
      required: true,
      example: exampleOf(parameterExamples, parameter),
      schema: { type: "string" },
    })),
    ...queryParameters(route),
    ...(route.idempotency === "key"
      ? [
          {
            name: "Idempotency-Key",
            in: "header",
            required: false,
            schema: { type: "string", minLength: 1, maxLength: 255 },
          },
        ]
      : []),
    ...conditionParameters(route),
  ];
  return {
    operationId: name,
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestBody(name, route),
    responses: responses(route),
    security: route.permission === "none" ? [] : [{ token: [] }, { session: [] }],
    "x-capstan-permission": route.permission,
    "x-capstan-idempotency": route.idempotency,
  };
}

function queryParameters(route: Route): Json[] {
  if (route.query === undefined) return [];
  const schema = schemaOf(route.query, "input");
  const properties = schema["properties"] as Readonly<Record<string, Json>> | undefined; // a strict object's
  const required = (schema["required"] ?? []) as readonly string[];
  return Object.entries(properties ?? {}).map(([key, value]) => ({
    name: key,
    in: "query",
    required: required.includes(key),
    schema: value,
  }));
}

function conditionParameters(route: Route): Json[] {
  const header = (name: string, required: boolean, description: string): Json => ({
    name,
    in: "header",
    required,
    description,
    schema: { type: "string" },
  });
  const isNew = route.precondition === "unless_new";
  return [
    ...(route.precondition === undefined
      ? []
      : [
          header(
            "If-Match",
            !isNew,
            `The ETag of what is changed, as it was read; \`*\`: whatever is there.${isNew ? " Not needed to make something new." : ""}`,
          ),
        ]),
    ...(isNew ? [header("If-None-Match", false, "`*`: only make it where there is none.")] : []),
    ...(isConditionalRead(route) ? [header("If-None-Match", false, "The ETag of what the caller has.")] : []),
  ];
}

const isConditionalRead = (route: Route): boolean => route.etag === "whole" && route.method === "GET";

const exampleOf = (examples: Json, name: string): unknown =>
  Object.hasOwn(examples, name) ? examples[name] : undefined;

function requestBody(name: string, route: Route): Json {
  if (route.rawBody !== undefined) return { requestBody: { required: true, content: { [route.rawBody]: {} } } };
  if (route.body === undefined) return {};
  return {
    requestBody: {
      required: true,
      content: {
        "application/json": { schema: schemaOf(route.body, "input"), example: exampleOf(routeExamples, name) },
      },
    },
  };
}

function responses(route: Route): Json {
  const content: Record<string, Json> = {
    ...(route.response === undefined ? {} : { "application/json": { schema: schemaOf(route.response, "output") } }),
    ...(route.responseType === undefined ? {} : { [route.responseType]: {} }),
  };
  const done = {
    description: "done",
    ...(route.etag === undefined ? {} : { headers: etagHeader }),
    ...(Object.keys(content).length === 0 ? {} : { content }),
  };
  const found: Record<string, Json> = {
    [String(route.status ?? 200)]: done,
    ...(route.otherStatus === undefined ? {} : { [String(route.otherStatus)]: done }),
    ...(isConditionalRead(route) ? { "304": { description: "the caller has it already", headers: etagHeader } } : {}),
  };
  const codes = new Map<number, string[]>();
  for (const code of routeErrors(route)) {
    const status = errorEntry(code)?.status ?? 500;
    codes.set(status, [...(codes.get(status) ?? []), code]);
  }
  for (const [status, names] of [...codes].toSorted(([a], [b]) => a - b)) {
    found[String(status)] = {
      description: [...new Set(names)].join(", "),
      ...(status === 412 ? { headers: etagHeader } : {}),
      content: { [problemMediaType]: { schema: { $ref: "#/components/schemas/Problem" } } },
    };
  }
  return found;
}

const etagHeader = {
  ETag: { description: "which edition of it this is: goes back as If-Match", schema: { type: "string" } },
} as const;

/** The only schema that refers to itself is that of any JSON value; it is named once, for all routes. */
const json = z.toJSONSchema(z.object({ value: z.json() }), { target: "draft-2020-12" });
const definitionOfJson = JSON.stringify(json.$defs?.["__schema0"]);

function schemaOf(schema: z.ZodType, io: "input" | "output"): Readonly<Record<string, unknown>> {
  const {
    $schema: _,
    $defs,
    ...rest
  } = z.toJSONSchema(schema, { target: "draft-2020-12", io, unrepresentable: "any" });
  for (const [name, definition] of Object.entries($defs ?? {})) {
    if (JSON.stringify(definition).replaceAll(name, "__schema0") !== definitionOfJson)
      throw new Error(`the schema ${name} refers to itself and has no name in the document`);
  }
  return JSON.parse(JSON.stringify(rest), (key, value: unknown) =>
    key === "$ref" ? "#/components/schemas/Json" : value,
  ) as Readonly<Record<string, unknown>>; // what it was
}
