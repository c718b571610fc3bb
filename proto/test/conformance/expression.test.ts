// The cases of the language's conformance table that are about the value of an expression, under their numbers.
import { expect, test } from "vitest";
import { cpuMsOf } from "../../../test/support/cpu-time.ts";
import {
  AppError,
  canonicalJson,
  checkInputs,
  checkOutputs,
  contextNames,
  evaluateCondition,
  evaluateTree,
  pickContext,
  readWorkflow,
  scopeAt,
  scopeOf,
  secretNames,
  type CanonicalWorkflow,
  type DynamicJson,
  type JsonValue,
} from "../../src/index.ts";
import { canonicalText } from "../../src/expression/template.ts";

const context = {
  inputs: {
    n: 3,
    x: 2.5,
    s: `${"a".repeat(28)}!`,
    list: [3, 1, 2],
    m: { p: 1 },
    prod: true,
    whole: 3,
    file: { $file: { name: "a.csv", size: 3, sha256: "ff", mediaType: "text/csv" } },
  },
  tasks: { a: { state: "succeeded", outputs: { rows: 7 } } },
  run: { id: "run_1", startedAt: 1_763_935_200_000, scheduledAt: "2026-11-23T06:00:00Z", duration: 125_000 },
};

function documentWith(value: string): CanonicalWorkflow {
  const text = JSON.stringify({
    version: 1,
    name: "w",
    inputs: {
      n: "integer",
      x: "number",
      whole: "number",
      s: "string",
      list: { type: "array", items: { type: "integer" } },
      m: "object",
      prod: "boolean",
      file: "file",
      o: { type: "string", optional: true },
    },
    secrets: { A: "env:A", B: "env:B" },
    tasks: { a: { run: "x", outputs: { rows: "integer" } }, b: { run: "x", with: { value } } },
  });
  const { document, problems } = readWorkflow({ text });
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return document;
}

function valueOf(value: string): JsonValue {
  const document = documentWith(value);
  const tree: DynamicJson = document.tasks["b"]?.with?.["value"] ?? null;
  // As an agent gets it: only the names that the task uses.
  return evaluateTree(tree, pickContext(context, contextNames(document, "b")), { scope: scopeOf(document, "b") });
}

test.each<[string, string, JsonValue]>([
  ["25", "${{ inputs.n }}", 3],
  ["26", "n=${{ inputs.n }}", "n=3"],
  ["28", "$${{ a }}", "${{ a }}"],
  ["29", '${{ {"a": {"b": 1}} }}', { a: { b: 1 } }],
  ["30", "${{ inputs.n + inputs.x }}", 5.5],
  ["31", "${{ inputs.x == 1 }}", false],
  ["32", "${{ inputs.n / 2 }}", 1],
  ["32", "${{ inputs.whole / 2.0 }}", 1.5],
  ["37", '${{ inputs.s.re("^(a+)+$") }}', false],
  ["43", "${{ inputs.prod ? secrets.A : secrets.B }}", { $secret: "A" }],
  ["a list keeps its type", "${{ inputs.list }}", [3, 1, 2]],
  ["a file is passed on whole", "${{ inputs.file }}", context.inputs.file],
  ["a file shows its fields", "${{ inputs.file.size + 1 }}", 4],
  ["absent", '${{ inputs.?o.orValue("d") }}', "d"],
  ["absent", "${{ tasks.a.?outputs.?rows.orValue(0) }}", 7],
  ["macro", "${{ inputs.list.map(i, i + inputs.n) }}", [6, 4, 5]],
  ["macro", "${{ inputs.list.filter(i, i in inputs.list && i > 1) }}", [3, 2]],
  [
    "times",
    '${{ date(run.scheduledAt, "Europe/Berlin") }} ${{ format(run.scheduledAt, "HH:mm", "Europe/Berlin") }}',
    "2026-11-23 07:00",
  ],
  ["times", "${{ run.startedAt }} took ${{ run.duration }}", "2025-11-23T22:00:00Z took 2m5s"],
  ["numbers", "${{ percent(0.912) }} ${{ percent(0.07) }} ${{ percent(inputs.x, 2) }}", "91.2% 7% 250.00%"],
  ["lists", "${{ sum(inputs.list) }} ${{ min(inputs.list) }} ${{ max(inputs.list) }}", "6 1 3"],
  ["lists", "${{ sort(inputs.list) }}", [1, 2, 3]],
  ["lists", "${{ unique([1, 1, 2]) }}", [1, 2]],
  ["lists", "${{ flatten(chunk(range(5), 2)) }}", [0, 1, 2, 3, 4]],
  [
    "lists",
    '${{ zip(range(2), ["a", "b"]) }}',
    [
      [0, "a"],
      [1, "b"],
    ],
  ],
  ["text", '${{ slug("Grün & blau") }}', "grun-blau"],
  ["JSON", '${{ fromJSON("{\\"a\\": [1, 2.5]}").a }}', [1, 2.5]],
  ["JSON", "${{ toJSON(inputs.list) }}", "[3,1,2]"],
  ["hash", '${{ hash({"b": 1, "a": 2}) == hash({"a": 2, "b": 1}) }}', true],
])("%s · %s", (_, text, value) => {
  expect(valueOf(text)).toEqual(value);
});

test("37 · a pattern that would take JavaScript minutes takes less than 50 ms", () => {
  valueOf('${{ inputs.s.re("^(a+)+$") }}');
  expect(cpuMsOf(() => expect(valueOf('${{ inputs.s.re("^(a+)+$") }}')).toBe(false))).toBeLessThan(50);
});

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
  return "none";
};

test("40 · two macros deep over 3,000 items end as expression_timeout", () => {
  expect(codeOf(() => valueOf("${{ range(3000).exists(a, range(3000).exists(b, a + b == -1)) }}"))).toBe(
    "expression_timeout",
  );
  expect(valueOf("${{ range(10000).map(i, i * 2).size() }}")).toBe(10_000);
});

test.each([
  ["71", "${{ inputs.m.q == 1 }}"],
  ["index", "${{ inputs.list[5] }}"],
  ["division", "${{ inputs.n / 0 }}"],
  ["overflow", "${{ inputs.n * 9007199254740991 }}"],
  ["lists within text", "x ${{ inputs.m.p == 1 ? dyn(inputs.list) : dyn(1) }}"],
])("%s · %s fails as expression_failed", (_, text) => {
  expect(codeOf(() => valueOf(text))).toBe("expression_failed");
});

test("an expression that no checker has seen is refused where it is evaluated", () => {
  expect(codeOf(() => evaluateTree({ $expr: '"a".matches("a")' }, {}))).toBe("expression_failed");
  expect(codeOf(() => evaluateTree({ $expr: "cel.bind(x, 1, x)" }, {}))).toBe("expression_failed");
});

test("the status functions answer what the caller says", () => {
  const document = documentWith("x");
  const scope = scopeAt(document, "if");
  const status = { success: false, failure: true, cancelled: false };
  const holds = (text: string): boolean =>
    evaluateCondition({ $expr: text }, { needs: { failed: 1 } }, { scope, status });
  expect(holds("failure() && needs.failed == 1")).toBe(true);
  expect(holds("success() || cancelled()")).toBe(false);
  expect(holds("always()")).toBe(true);
});

test("an offer carries the names that a task uses and no others", () => {
  const document = documentWith("${{ inputs.n }} ${{ tasks.a.outputs.rows }} ${{ run.id }}");
  expect(contextNames(document, "b")).toEqual(["inputs.n", "run", "tasks.a.outputs.rows"]);
  expect(pickContext(context, ["inputs.n", "tasks.a.outputs.rows"])).toEqual({
    inputs: { n: 3 },
    tasks: { a: { outputs: { rows: 7 } } },
  });
  expect(secretNames(documentWith("${{ inputs.prod ? secrets.A : secrets.B }}"), "b")).toEqual(["A", "B"]);
});

const { document: literal } = readWorkflow({
  text: `version: 1
name: typed
inputs:
  url: { type: string, format: uri }
  day: { type: string, format: date }
  count: { type: integer, minimum: 1, default: 5 }
  note: { type: string, optional: true }
  table: { type: string, pattern: "^[a-z_]+$", default: daily }
tasks: { a: { run: x, outputs: { rows: integer, report: { type: file } } } }
`,
});

/** A default over the run is refused at deploy as long as nothing but a schedule could know it; checking knows it. */
const typed = literal && {
  ...literal,
  inputs: {
    ...literal.inputs,
    day: {
      type: "string" as const,
      format: "date",
      default: canonicalText('${{ date(run.scheduledAt, "Europe/Berlin") }}'),
    },
  },
};

test("inputs are checked, never coerced, and defaults are filled in", () => {
  if (typed === undefined) throw new Error("the workflow is valid");
  const run = { run: { scheduledAt: "2026-11-22T23:30:00Z" } };
  expect(checkInputs(typed, { url: "https://example.org" }, run)).toEqual({
    inputs: { url: "https://example.org", day: "2026-11-23", count: 5, table: "daily" },
    problems: [],
  });
  const wrong = checkInputs(typed, { ulr: "x", count: "3", day: "2026-02-30", table: "Drop Table" }, run);
  expect(wrong.problems.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
    "unknown /ulr",
    "wrong_type /count",
    "format /day",
    "pattern /table",
    "missing /url",
  ]);
  expect(wrong.problems[0]?.hint).toBe("did you mean url?");
});

test("87 · a declared output that is missing or of another type is told, an undeclared one dropped", () => {
  const task = typed?.tasks["a"];
  if (task === undefined) throw new Error("the workflow is valid");
  const file = { $file: { name: "r.pdf", size: 1, sha256: "ff", mediaType: "application/pdf" } };
  expect(checkOutputs(task, { rows: 3, report: file, extra: 1 })).toEqual({
    outputs: { rows: 3, report: file },
    problems: [],
    dropped: ["extra"],
  });
  expect(checkOutputs(task, { rows: "abc" }).problems.map(({ code }) => code)).toEqual([
    "output_invalid",
    "output_missing",
  ]);
});

test("88 · more than 256 KiB of outputs are too large", () => {
  const { document } = readWorkflow({ text: "version: 1\nname: w\ntasks: { a: { run: x, outputs: { s: string } } }" });
  const task = document?.tasks["a"];
  if (task === undefined) throw new Error("the workflow is valid");
  expect(checkOutputs(task, { s: "x".repeat(257 * 1024) }).problems.map(({ code }) => code)).toEqual([
    "output_too_large",
  ]);
});

test("canonical JSON is that of RFC 8785", () => {
  const value = {
    "€": "Euro",
    "\r": "CR",
    "1": "One",
    "😀": "Smile",
    ö: "o",
    numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 1e-27],
  };
  expect(canonicalJson(value)).toBe(
    '{"\\r":"CR","1":"One","numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"ö":"o","€":"Euro","😀":"Smile"}',
  );
});

test.each(["a\0", "a\ud800"])("inputs and outputs that no database could keep are refused", (text) => {
  const task = typed?.tasks["a"];
  if (typed === undefined || task === undefined) throw new Error("the workflow is valid");
  expect(checkInputs(typed, { url: text }).problems).toMatchObject([{ code: "bad_value", pointer: "/url" }]);
  expect(checkOutputs(task, { rows: 1, report: [text] }).problems).toMatchObject([{ code: "output_invalid" }]);
});
