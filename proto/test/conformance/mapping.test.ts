// Cases of the language about mapped tasks that a file alone decides.
import { describe, expect, test } from "vitest";
import { readWorkflow, scopeFor } from "../../src/workflow/index.ts";
import { checkExpression } from "../../src/expression/index.ts";

const read = (tasks: string, more = "") =>
  readWorkflow({ text: `version: 1\nname: m\n${more}tasks:\n${tasks}`, file: "m.yaml" });
const problemsOf = (tasks: string, more = "") =>
  read(tasks, more).problems.map(({ code, hint }) => (hint === undefined ? code : `${code}: ${hint}`));
const inputs =
  "inputs: { grid: { type: array, items: { type: object, properties: { lr: { type: number } } } }, n: integer }\n";

test("46 · item, index and prev are for mapped tasks, and prev for chains", () => {
  expect(problemsOf('  a: { run: x, env: { A: "${{ item }}" } }\n')).toEqual([
    "not_available_here: only a task with forEach or matrix has an item",
  ]);
  expect(problemsOf("  a: { run: x, if: index == 0 }\n")).toEqual([
    "not_available_here: only a task with forEach or matrix has an index",
  ]);
  expect(problemsOf('  a: { run: x, forEach: [1], env: { A: "${{ prev.state }}" } }\n')).toEqual([
    "not_available_here: only a task with forEach: { chain: … } has it",
  ]);
});

test("109 · prev.status is prev.state", () => {
  const tasks =
    '  a: { run: x, forEach: [1] }\n  b: { run: x, forEach: { chain: a }, env: { S: "${{ prev.status }}" } }\n';
  expect(problemsOf(tasks)).toEqual(["unknown_name: did you mean state?"]);
});

test("a mapped task has results and counts, and no outputs", () => {
  const mapped = "  a: { run: x, forEach: [1], outputs: { n: integer } }\n";
  expect(problemsOf(`${mapped}  b: { run: x, env: { N: "\${{ tasks.a.outputs.n }}" } }\n`)).toEqual([
    "unknown_name: a mapped task has results, one of each index",
  ]);
  expect(
    problemsOf(
      `${mapped}  b: { run: x, env: { N: "\${{ sum(tasks.a.results.map(r, r.n)) + tasks.a.counts.failed }}" } }\n`,
    ),
  ).toEqual([]);
});

test("what an index may end without is a plain list of anything, and a task that may have no list has no results for certain", () => {
  const tolerant = '  a: { run: x, forEach: [1], minSuccess: "50%", outputs: { n: integer } }\n';
  expect(problemsOf(`${tolerant}  b: { run: x, env: { N: "\${{ tasks.a.results[0].m }}" } }\n`)).toEqual([]);
  const skipped = "  a: { run: x, forEach: [1], if: inputs.n > 1 }\n";
  expect(
    problemsOf(`${skipped}  b: { run: x, join: all_done, env: { N: "\${{ size(tasks.a.results) }}" } }\n`, inputs),
  ).toEqual(["maybe_missing: write tasks.a.?results.orValue([])"]);
});

test("a chain needs a mapped task, follows it by an edge, and does not read it while it goes on", () => {
  expect(problemsOf("  a: { run: x }\n  b: { run: x, forEach: { chain: a } }\n")).toEqual([
    "bad_value: name a mapped task, or write needs",
  ]);
  expect(problemsOf("  first: { run: x, forEach: [1] }\n  b: { run: x, forEach: { chain: firts } }\n")).toEqual([
    "unknown_task: did you mean first?",
  ]);
  const chain = read("  a: { run: x, forEach: [1] }\n  b: { run: x, forEach: { chain: a } }\n");
  expect(chain.document?.tasks["b"]?.needs).toEqual(["a"]);
  expect(
    problemsOf(
      '  a: { run: x, forEach: [1] }\n  b: { run: x, forEach: { chain: a }, if: tasks.a.state == "failed" }\n',
    ),
  ).toEqual(["not_available_here: write prev.outputs or prev.state"]);
  expect(problemsOf("  a: { run: x, forEach: { chain: b } }\n  b: { run: x, forEach: { chain: a } }\n")).toEqual([
    "cycle",
  ]);
});

test("prev.outputs is there for certain only where the index before must have succeeded", () => {
  const head = "  a: { run: x, forEach: [1], allowFailure: true, outputs: { n: integer } }\n";
  expect(problemsOf(`${head}  b: { run: x, forEach: { chain: a }, env: { N: "\${{ prev.outputs.n }}" } }\n`)).toEqual([
    "maybe_missing: write prev.?outputs.?NAME.orValue(…)",
  ]);
});

test("a list is a list", () => {
  expect(problemsOf("  a: { run: x, forEach: word }\n")).toEqual(["type_mismatch"]);
  expect(problemsOf('  a: { run: x, forEach: "${{ inputs.n }}" }\n', inputs)).toEqual(["type_mismatch"]);
  expect(problemsOf('  a: { run: x, matrix: { b: "${{ inputs.n }}" } }\n', inputs)).toEqual(["type_mismatch"]);
  expect(problemsOf('  a: { run: x, forEach: "${{ inputs.grid }}" }\n', inputs)).toEqual([]);
});

test("what says how a task is mapped is for a mapped task, and forEach and matrix exclude each other", () => {
  expect(problemsOf("  a: { run: x, maxParallel: 2, failFast: true, minSuccess: 1 }\n")).toEqual([
    "not_applicable",
    "not_applicable",
    "not_applicable",
  ]);
  expect(problemsOf("  a: { run: x, forEach: [1], matrix: { b: [1] } }\n")).toEqual(["bad_value"]);
  expect(problemsOf("  a: { run: x, forEach: [1], minSuccess: 180% }\n")).toEqual(["bad_value"]);
});

test("a matrix is lists by name; include and exclude are maps, and exclude names keys of it", () => {
  expect(problemsOf("  a: { run: x, matrix: {} }\n")).toEqual(["bad_value"]);
  expect(problemsOf("  a: { run: x, matrix: { Big-One: [1] } }\n")).toEqual(["bad_name: write big_one"]);
  expect(problemsOf("  a: { run: x, matrix: { os: [1], exclude: [{ so: 1 }], include: [2] } }\n")).toEqual([
    "bad_value: did you mean os?",
    "wrong_type",
  ]);
});

describe("the type of an item", () => {
  const typeOf = (list: string, expression: string, more = inputs): string | undefined => {
    const { document, problems } = read(`  a: { run: x, ${list} }\n`, more);
    if (document === undefined) throw new Error(JSON.stringify(problems));
    return checkExpression(expression, scopeFor(document, "a", "task")).type;
  };
  test.each([
    ["forEach: [1, 2]", "item", "int"],
    ["forEach: [1, 2.5]", "item", "double"],
    ['forEach: [a, "${{ inputs.n }}x"]', "item", "string"],
    ["forEach: [1, a]", "item", "dyn"],
    ["forEach: [{ lr: 1, d: 2 }, { lr: 0.5 }]", "item.lr", "double"],
    ["forEach: [[1], [2]]", "item", "list<int>"],
    ['forEach: "${{ inputs.grid }}"', "item.lr", "double"],
    ['forEach: "${{ range(inputs.n) }}"', "item", "int"],
    ['forEach: "${{ chunk(range(inputs.n), 2) }}"', "item", "list<int>"],
    ["matrix: { os: [a], n: [1, 2] }", "item.os", "string"],
    ["matrix: { os: [a], n: [1, 2] }", "index + item.n", "int"],
  ])("%s: %s is %s", (list, expression, type) => {
    expect(typeOf(list, expression)).toBe(type);
  });
  test("a field that only some items have may be missing", () => {
    const tasks = '  a: { run: x, forEach: [{ lr: 1, d: 2 }, { lr: 0.5 }], env: { D: "${{ item.d }}" } }\n';
    expect(problemsOf(tasks)[0]).toContain("maybe_missing");
  });
});
