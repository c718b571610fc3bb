import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { routeExamples, routes, type Route } from "@capstan/proto";
import { root } from "../../../test/support/sources.ts";
import { brokenPromises } from "./contract-lines.ts";
import { openApiDocument } from "./openapi.ts";

// The document is what it says on the wire.
const document = JSON.parse(JSON.stringify(openApiDocument("0.0.0"))) as Readonly<Record<string, unknown>>;

const refsOf = (value: unknown): readonly string[] => {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    key === "$ref" && typeof child === "string" ? [child] : refsOf(child),
  );
};
const at = (pointer: string): unknown =>
  pointer
    .slice(2)
    .split("/")
    .reduce<unknown>(
      (value, key) =>
        typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined,
      document,
    );

test("every reference leads to something within the document", () => {
  const refs = new Set(refsOf(document));
  expect(refs.size).toBeGreaterThan(0);
  expect([...refs].filter((ref) => !ref.startsWith("#/") || at(ref) === undefined)).toEqual([]);
});

test("every route is in it once, by its name", () => {
  const names = Object.values(document["paths"] as Readonly<Record<string, Record<string, { operationId: string }>>>)
    .flatMap((item) => Object.values(item))
    .map(({ operationId }) => operationId);
  expect(names.toSorted()).toEqual(Object.keys(routes).toSorted());
});

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly example?: unknown }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example?: unknown }>> };
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
  readonly "x-capstan-permission"?: string;
}
const operations = (): readonly Operation[] =>
  Object.values(document["paths"] as Readonly<Record<string, Readonly<Record<string, Operation>>>>).flatMap((item) =>
    Object.values(item),
  );

test("every route says its permission, its errors, and an example of what it takes", () => {
  for (const { operationId, parameters = [], requestBody, responses, ...rest } of operations()) {
    expect(rest["x-capstan-permission"], operationId).toMatch(/./);
    expect(responses["404"]?.description, operationId).toContain("not_found");
    const given = [
      ...parameters.filter((one) => one.in === "path"),
      ...(requestBody?.content["application/json"] === undefined ? [] : [requestBody.content["application/json"]]),
    ];
    for (const { example } of given) expect(example, operationId).toBeDefined();
  }
});

test.each(Object.entries(routeExamples))("the example of %s is what the route takes", (name, example) => {
  const { body } = routes[name as keyof typeof routeExamples] as Route; // the names of the examples are those of routes
  expect(body?.safeParse(example).error?.message).toBeUndefined();
});

const promised = readFileSync(join(root, "docs/reference/contract-v1.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "");

test("nothing that v1 has promised once is gone: no route, no field, no value, and nothing became necessary", () => {
  expect(promised.length).toBeGreaterThan(1_000);
  expect(brokenPromises(promised, document)).toEqual([]);
});

const run = "/api/v1/projects/{project}/runs/{run}";
const start = "/api/v1/projects/{project}/workflows/{workflow}/runs";

/** What is missing of the promises where the text of the document has one thing changed. */
function missingAfter(from: string, to: string): readonly string[] {
  const text = JSON.stringify(document);
  expect(text).toContain(from);
  return brokenPromises(promised, JSON.parse(text.replaceAll(from, to)) as typeof document);
}

test("the promises notice what breaks a client", () => {
  const fieldGone = missingAfter('"endedAt":', '"ended":');
  expect(fieldGone).toContain(`GET ${run} answers /endedAt string`);
  expect(missingAfter(`"${run}":`, `"${run}s":`)).toContain(`GET ${run}`);
  expect(missingAfter('"inputs":{"type":"object"', '"given":{"type":"object"')).toContain(
    `POST ${start} takes body /inputs, or not`,
  );
  expect(missingAfter('"enum":["failed","from","all"]', '"enum":["failed","all"]')).not.toEqual([]);
  expect(missingAfter('"required":false', '"required":true')).not.toEqual([]);
  const more = missingAfter('"required":["name","role"]', '"required":["name","role","why"]');
  expect(more).toContain("POST /api/v1/projects/{project}/service-accounts takes body / is enough with: name role");
  expect(missingAfter('"required":["name","role"]', '"required":["name"]')).toEqual([]);
});
