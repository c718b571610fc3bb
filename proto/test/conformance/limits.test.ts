// Limits and concurrency of tasks: what may be written, what it becomes, and what a deploy says about it.
import { expect, test } from "vitest";
import { checkLimits, readWorkflow } from "../../src/index.ts";

const text = (lines: string, inputs = ""): string =>
  `version: 1\nname: w\n${inputs}tasks:\n  a:\n    run: echo a\n${lines
    .split("\n")
    .map((line) => `    ${line}\n`)
    .join("")}`;
const read = (lines: string, inputs?: string) => readWorkflow({ text: text(lines, inputs), file: "w.yaml" });
const codes = (lines: string, inputs?: string) =>
  read(lines, inputs).problems.map(({ code, pointer }) => [code, pointer]);

test("limits are names, or names with a weight", () => {
  expect(read("limits: [db, { name: api, weight: 3 }]").document?.tasks["a"]?.limits).toEqual([
    { name: "db" },
    { name: "api", weight: 3 },
  ]);
});

test("an empty list of limits is none", () => {
  expect(read("limits: []").digest).toBe(read("needs: []").digest);
});

test.each([
  ["limits: [db, db]", "bad_value", "/tasks/a/limits/1"],
  ["limits: [{ name: db, weight: 0 }]", "bad_value", "/tasks/a/limits/0/weight"],
  ["limits: [My-Limit]", "bad_name", "/tasks/a/limits/0"],
  ["concurrency: { key: k, limit: 0 }", "bad_value", "/tasks/a/concurrency/limit"],
  ["concurrency: { limit: 1 }", "missing_key", "/tasks/a/concurrency"],
  ['concurrency: { key: "${{ inputs.nope }}" }', "unknown_name", "/tasks/a/concurrency/key"],
  ['concurrency: { key: "${{ tasks.a.state }}" }', "not_available_here", "/tasks/a/concurrency/key"],
] as const)("%s → %s", (lines, code, pointer) => {
  expect(codes(lines)).toContainEqual([code, pointer]);
});

test("the key of a task's concurrency may be an expression over inputs", () => {
  const { document, problems } = read(
    'concurrency: { key: "customer-${{ inputs.c }}", limit: 2 }',
    "inputs: { c: string }\n",
  );
  expect(problems).toEqual([]);
  expect(document?.tasks["a"]?.concurrency?.limit).toBe(2);
});

test("a deploy refuses a limit that the project does not have, at its place, with the nearest name", () => {
  const problems = checkLimits({ text: text("limits: [databse]"), file: "w.yaml" }, new Map([["database", 2]]));
  expect(problems).toMatchObject([{ code: "unknown_limit", line: 6, pointer: "/tasks/a/limits/0" }]);
  expect(problems[0]?.hint).toContain("database");
});

test("a weight above what the limit has is told: it can never be met", () => {
  const problems = checkLimits(
    { text: text("limits: [{ name: db, weight: 5 }]"), file: "w.yaml" },
    new Map([["db", 2]]),
  );
  expect(problems).toMatchObject([{ code: "limit_unreachable", severity: "warning" }]);
  expect(problems[0]?.detail).toContain("can never be met");
});
