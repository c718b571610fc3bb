// What a document may say about tasks that are carried again, and about those that are not carried at all.
import { expect, test } from "vitest";
import { formatProblem, readWorkflow, sourceOfCanonical, type ReadWorkflow } from "../../src/index.ts";

const read = (tasks: string, more = ""): ReadWorkflow =>
  readWorkflow({ text: `version: 1\nname: w\n${more}tasks: ${tasks}\n`, file: "w.yaml" });
const codes = (result: ReadWorkflow): readonly string[] => result.problems.map((problem) => problem.code);
const lines = (result: ReadWorkflow): readonly string[] => result.problems.map(formatProblem);

test.each(["http: https://x.example", "run: x", "python: a:b", "node: a.mjs", "sql: { url: 'sqlite:a', query: q }"])(
  "poll stands beside %s",
  (action) => {
    expect(lines(read(`{ a: { ${action}, poll: { every: 30s } } }`))).toEqual([]);
  },
);

test("poll does not apply to what is no look at anything", () => {
  expect(codes(read("{ a: { wait: 1h, poll: { every: 30s } } }"))).toEqual(["not_applicable"]);
  expect(codes(read("{ a: { notify: { webhook: { url: 'https://x.example' } }, poll: {} } }"))).toEqual([
    "not_applicable",
  ]);
});

test.each([
  ["{ every: 4s }", "bad_value"],
  ["{ every: 10 }", "bad_duration"],
  ["{ every: 1h, maxEvery: 10m }", "bad_value"],
  ["{ backoff: 0.5 }", "bad_value"],
  ["{ maxErrors: 0 }", "bad_value"],
  ["{ until: result.n }", "type_mismatch"],
  ["{ until: result.m == 1 }", "unknown_name"],
  ["{ until: cursor == 1 }", "not_available_here"],
])("poll: %s is refused as %s", (poll, code) => {
  expect(codes(read(`{ a: { run: x, outputs: { n: integer }, poll: ${poll} } }`))).toEqual([code]);
});

test("until sees the outputs of the poll by their types, its number, the inputs and the tasks before it", () => {
  const until = "result.n >= inputs.least && poll < 10 && tasks.b.outputs.go";
  const result = read(
    `{ a: { run: x, outputs: { n: integer }, poll: { until: "${until}" } }, b: { run: x, outputs: { go: boolean } } }`,
    "inputs: { least: integer }\n",
  );
  expect(lines(result)).toEqual([]);
  expect(result.document?.tasks["a"]?.needs).toEqual(["b"]);
});

test("what an http sensor gives is known to until, and polls to those behind it", () => {
  const then = (output: string): ReadWorkflow =>
    read(
      `{ a: { http: "https://x.example", poll: { until: "result.status == 200 && result.body.done" } }, b: { run: x, env: { N: "\${{ tasks.a.outputs.${output} }}" } } }`,
    );
  expect(lines(then("polls"))).toEqual([]);
  expect(codes(then("pols"))).toEqual(["unknown_name"]);
  expect(codes(read("{ a: { run: x, outputs: { polls: integer }, poll: {} } }"))).toEqual(["reserved_name"]);
});

test("cursor and poll are there in the fields of a sensor that declares a cursor, and of no other task", () => {
  const task = (more: string): ReadWorkflow =>
    read(`{ a: { run: x, env: { C: "\${{ string(cursor) }}", P: "\${{ poll }}" }${more} } }`);
  expect(lines(task(", outputs: { cursor: integer }, poll: {}"))).toEqual([]);
  expect(codes(task(", poll: {}"))).toEqual(["not_available_here"]);
  expect(codes(task(""))).toEqual(["not_available_here", "not_available_here"]);
});

test("a canonical sensor is written as an author would, and is the same again", () => {
  const first = read('{ a: { run: x, poll: { every: 90s, until: "poll > 3", timeout: 2h } } }');
  expect(first.document?.tasks["a"]?.poll).toEqual({
    everyMs: 90_000,
    until: { $expr: "poll > 3" },
    timeoutMs: 7_200_000,
  });
  if (first.document === undefined) throw new Error("it was refused");
  const again = readWorkflow({ text: JSON.stringify(sourceOfCanonical(first.document)) });
  expect(again.digest).toBe(first.digest);
});

test("cache takes a key of text or any value, a time and a scope, and makes the edges that its key names", () => {
  const result = read(
    '{ a: { run: x, cache: { key: "${{ [inputs.day, tasks.b.outputs.n] }}", ttl: 7d, scope: project } }, b: { run: x, outputs: { n: integer } } }',
    "inputs: { day: string }\n",
  );
  expect(lines(result)).toEqual([]);
  expect(result.document?.tasks["a"]).toMatchObject({ needs: ["b"], cache: { ttlMs: 604_800_000, scope: "project" } });
  if (result.document === undefined) throw new Error("it was refused");
  expect(readWorkflow({ text: JSON.stringify(sourceOfCanonical(result.document)) }).digest).toBe(result.digest);
});

test.each([
  ["{ ttl: 91d }", "bad_value"],
  ["{ ttl: 10 }", "bad_duration"],
  ["{ scope: all }", "bad_value"],
  ['{ key: "${{ inputs.dya }}" }', "unknown_name"],
  ['{ key: "${{ secrets.T }}" }', "not_available_here"],
])("cache: %s is refused as %s", (cache, code) => {
  const more = "inputs: { day: string }\nsecrets: { T: env:CAPSTAN_SECRET_T }\n";
  expect(codes(read(`{ a: { run: x, cache: ${cache} } }`, more))).toEqual([code]);
});

test("cache does not apply to what no agent carries, nor to a sensor", () => {
  expect(codes(read("{ a: { wait: 1h, cache: {} } }"))).toEqual(["not_applicable"]);
  expect(codes(read("{ a: { run: x, poll: {}, cache: {} } }"))).toEqual(["not_applicable"]);
});
