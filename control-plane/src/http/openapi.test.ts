import { expect, test } from "vitest";
import { routes } from "@capstan/proto";
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
