import { expect, test } from "vitest";
import * as z from "zod";
import { declassified, file, inputsOf, outputsOf } from "./schema.ts";

test("a schema gives the declaration that an author would write", () => {
  const schema = z.object({
    name: z
      .string()
      .min(1)
      .max(10)
      .regex(/^[a-z]+$/),
    count: z.int().min(0),
    ratio: z.number().max(1).default(0.5),
    day: z.iso.date(),
    at: z.iso.datetime(),
    mail: z.email(),
    kind: z.enum(["a", "b"]),
    fixed: z.literal(3),
    maybe: z.string().nullable(),
    left: z.string().optional(),
    list: z.array(z.object({ lr: z.number(), depth: z.int().optional() })).min(1),
    labels: z.record(z.string(), z.string()),
    source: file({ mediaType: "text/csv", maxSize: "5Mi" }),
    told: z.string().describe("what it is").meta({ title: "Told", data: "patient" }),
  });
  expect(inputsOf(schema, "inputs")).toEqual({
    name: { type: "string", minLength: 1, maxLength: 10, pattern: "^[a-z]+$" },
    count: { type: "integer", minimum: 0 },
    ratio: { type: "number", maximum: 1, default: 0.5 },
    day: { type: "string", format: "date" },
    at: { type: "string", format: "date-time" },
    mail: { type: "string", format: "email" },
    kind: { type: "string", enum: ["a", "b"] },
    fixed: { type: "number", const: 3 },
    maybe: { type: "string", nullable: true },
    left: { type: "string", optional: true },
    list: {
      type: "array",
      minItems: 1,
      items: { type: "object", required: ["lr"], properties: { lr: { type: "number" }, depth: { type: "integer" } } },
    },
    labels: { type: "object", additionalProperties: { type: "string" } },
    source: { type: "file", mediaType: "text/csv", maxSize: "5Mi" },
    told: { type: "string", title: "Told", description: "what it is", data: "patient" },
  });
});

test("an output that leaves its data class says why", () => {
  const kpi = z.object({ mean: z.number() });
  const schema = z.object({ kpi: declassified(kpi, { from: "patient", reason: "means over groups" }), kept: kpi });
  expect(outputsOf(schema, "output")).toMatchObject({
    kpi: { type: "object", data: "public", declassify: { from: "patient", reason: "means over groups" } },
    kept: { type: "object", properties: { mean: { type: "number" } } },
  });
  expect(outputsOf(schema, "output")["kept"]).not.toHaveProperty("data");
});

test("what the language cannot declare is refused with its place", () => {
  const refused: readonly (readonly [z.ZodObject, RegExp])[] = [
    [z.object({ a: z.union([z.string(), z.number()]) }), /inputs\.a: a union/],
    [z.object({ a: z.object({ b: z.unknown() }) }), /inputs\.a\.b: this schema has no type/],
    [z.object({ a: z.date() }), /inputs\.a: this schema has no type/],
    [z.object({ a: z.tuple([z.string()]) }), /inputs\.a: prefixItems/],
  ];
  for (const [schema, message] of refused) expect(() => inputsOf(schema, "inputs")).toThrow(message);
  expect(() => outputsOf(z.object({ a: z.string().optional() }), "output")).toThrow(/output\.a: .*nullable/);
});
