// What a document may say about tasks that no agent carries out.
import { expect, test } from "vitest";
import { formatProblem, readWorkflow, type ReadWorkflow } from "../../src/index.ts";

const read = (tasks: string, more = ""): ReadWorkflow =>
  readWorkflow({ text: `version: 1\nname: w\n${more}tasks: ${tasks}\n`, file: "w.yaml" });
const codes = (result: ReadWorkflow): readonly string[] => result.problems.map((problem) => problem.code);
const lines = (result: ReadWorkflow): readonly string[] => result.problems.map(formatProblem);

test("a wait for a duration, a time or an event is valid, and its short form is the duration", () => {
  for (const wait of [
    "1h30m",
    "{ for: PT10M }",
    '{ until: "2027-01-05T10:00:00+01:00" }',
    "{ event: { type: a.b, timeout: 1h } }",
  ])
    expect(lines(read(`{ a: { wait: ${wait} } }`)), wait).toEqual([]);
  expect(read("{ a: { wait: 90s } }").digest).toBe(read("{ a: { wait: { for: 1m30s } } }").digest);
});

test.each([
  ["10", "bad_duration", "10s or 10m?"],
  ["soon", "bad_duration", "1h30m"],
  ["400d", "bad_value", "366d"],
  ['{ until: "2027-01-05T10:00:00" }', "bad_value", "zone"],
  ["{ for: 1h, until: 2027-01-05T10:00:00Z }", "bad_value", "not for and until"],
  ["{ event: { type: a, timeout: 5 } }", "bad_duration", "5s or 5m?"],
])("wait: %s is refused as %s", (wait, code, words) => {
  const result = read(`{ a: { wait: "${wait}" } }`.replace('"{', "{").replace('}"', "}"));
  expect(codes(result)).toContain(code);
  expect(lines(result).join("\n") + JSON.stringify(result.problems)).toContain(words);
});

test("an empty wait lacks what it waits for", () => {
  expect(codes(read("{ a: { wait: {} } }"))).toEqual(["missing_key"]);
});

test("the condition of an event sees the event and the run, has to be a bool, and secrets are not there", () => {
  const event = (condition: string): ReadWorkflow =>
    read(`{ a: { wait: { event: { type: x, if: '${condition}' } } } }`, "inputs: { n: integer }\n");
  expect(lines(event("event.data.n == inputs.n"))).toEqual([]);
  expect(codes(event("inputs.n"))).toEqual(["type_mismatch"]);
  expect(codes(event("event.dta == 1"))).toEqual(["unknown_name"]);
  expect(codes(event("secrets.X == inputs.n"))).toContain("not_available_here");
});

test("a wait for an event gives the event, one for a time gives nothing", () => {
  const next = (wait: string, text: string): ReadWorkflow =>
    read(`{ a: { wait: ${wait} }, b: { run: x, env: { V: "\${{ ${text} }}" } } }`);
  expect(lines(next("{ event: { type: x } }", "tasks.a.outputs.event.data.by"))).toEqual([]);
  expect(codes(next("1h", "tasks.a.outputs.event"))).toEqual(["unknown_name"]);
});

test.each(["env: { A: b }", "runsOn: { os: linux }", "lease: 1m", "logs: { onFull: drop }"])(
  "%s has no meaning for a task that no agent carries out",
  (key) => {
    expect(codes(read(`{ a: { wait: 1h, ${key} } }`))).toContain("not_applicable");
  },
);
