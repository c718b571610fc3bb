// The cases of the language's conformance table that are about a document alone, under their numbers.
import { expect, test } from "vitest";
import { cpuMsOf } from "../../../test/support/cpu-time.ts";
import { formatProblem, graphOf, readWorkflow, type ReadWorkflow } from "../../src/index.ts";

const read = (text: string): ReadWorkflow => readWorkflow({ text, file: "w.yaml" });
const head = "version: 1\nname: w\n";
/** A workflow with these tasks in flow style, or with these lines. */
const flow = (tasks: string): ReadWorkflow => read(`${head}tasks: ${tasks}\n`);
const lines = (result: ReadWorkflow): readonly string[] => result.problems.map(formatProblem);
const codes = (result: ReadWorkflow): readonly string[] => result.problems.map((problem) => problem.code);

const hello = `version: 1
name: hello
inputs: { name: { type: string, default: world, pattern: "^[\\\\w .-]{1,60}$" } }
tasks:
  greet:
    run: |
      echo "hello, $NAME"
      echo "text=hello, $NAME" >> "$CAPSTAN_OUTPUTS"
    env: { NAME: "\${{ inputs.name }}" }
    outputs: { text: string }
  measure:
    node: { inline: "export default ({ input }) => ({ characters: input.text.length })" }
    with: { text: "\${{ tasks.greet.outputs.text }}" }
    outputs: { characters: integer }
outputs: { characters: "\${{ tasks.measure.outputs.characters }}" }
`;

test("1 · hello is valid and a reference is an edge", () => {
  const { document, problems } = read(hello);
  expect(problems).toEqual([]);
  expect(document && graphOf(document).needs.get("measure")).toEqual(["greet"]);
  expect(document && graphOf(document).neededBy.get("greet")).toEqual(["measure"]);
});

test("2 · an empty file lacks version, name and tasks", () => {
  expect(lines(read(""))).toEqual([
    "w.yaml:1:1 missing_key the workflow needs version",
    "w.yaml:1:1 missing_key the workflow needs name",
    "w.yaml:1:1 missing_key the workflow needs tasks",
  ]);
});

test("3 · another version of the language is refused", () => {
  expect(codes(read("version: 2\nname: w\ntasks: { a: { run: x } }"))).toEqual(["unsupported_version"]);
});

test("4 · a task that is there twice is told at the second", () => {
  const [problem] = read(`${head}tasks:\n  load: { run: x }\n  load: { run: y }\n`).problems;
  expect(problem).toMatchObject({ code: "duplicate_key", line: 5, column: 3 });
});

test.each([
  ["5", "task", "tasks"],
  ["6", "on", "triggers"],
])("%s · the unknown key %s comes with a guess", (_, key, guess) => {
  const [problem] = read(`${head}${key}: {}\ntasks: { a: { run: x } }`).problems;
  expect(problem).toMatchObject({ code: "unknown_key", hint: `did you mean ${guess}?`, line: 3, column: 1 });
});

test("7 · a hyphen in a task id is refused and an underscore offered", () => {
  const [line] = lines(flow("{ load-csv: { run: x } }"));
  expect(line).toContain("bad_name");
  expect(line).toContain("load_csv");
});

test("8 · variables that begin with CAPSTAN_ are ours", () => {
  expect(codes(flow("{ a: { run: x, env: { CAPSTAN_X: a } } }"))).toEqual(["reserved_name"]);
});

test.each([
  ["a merge key", `${head}tasks:\n  b: &base { run: x }\n  a:\n    <<: *base\n`],
  ["a tag that the parser would decode", `${head}title: !!binary aGk=\ntasks: { a: { run: x } }`],
  ["a tag of its own", `${head}title: !x a\ntasks: { a: { run: x } }`],
  ["a second document", `${head}tasks: { a: { run: x } }\n---\nversion: 1\n`],
])("9 · %s is no feature of workflows", (_, text) => {
  expect(codes(read(text))).toEqual(["yaml_feature"]);
});

test("10 · nine aliases on each of four levels are refused within 50 ms", () => {
  const nine = (name: string): string => `[${Array.from({ length: 9 }, () => name).join(", ")}]`;
  const text = `${head}a: &a ${nine("x")}\nb: &b ${nine("*a")}\nc: &c ${nine("*b")}\nd: &d ${nine("*c")}\ne: ${nine("*d")}\n`;
  read(text);
  expect(cpuMsOf(() => expect(codes(read(text))).toEqual(["yaml_feature"]))).toBeLessThan(50);
});

test("11 · a bare number is no duration", () => {
  const [line] = lines(read(`${head}timeout: 10\ntasks: { a: { run: x } }`));
  expect(line).toBe("w.yaml:3:10 bad_duration timeout: 10 has no unit: 10s or 10m?");
});

test("12 · 10m, 600s and PT10M are one version", () => {
  const digests = ["10m", "600s", "PT10M"].map((timeout) =>
    read(`${head}timeout: ${timeout}\ntasks: { a: { run: x } }`),
  );
  expect(new Set(digests.map((one) => one.digest)).size).toBe(1);
  expect(digests[0]?.document?.timeoutMs).toBe(600_000);
});

test("13 · a boolean as a label is told to be written as text", () => {
  const [problem] = flow("{ a: { run: x, runsOn: { gpu: true } } }").problems;
  expect(problem).toMatchObject({ code: "wrong_type", hint: 'write "true"' });
});

test("14 · retries is answered with retry.attempts", () => {
  const [problem] = flow("{ a: { run: x, retries: 3 } }").problems;
  expect(problem?.code).toBe("unknown_key");
  expect(problem?.hint).toContain("retry: { attempts: 4 }");
});

test("15 · two actions and none", () => {
  expect(codes(flow("{ a: { run: x, python: 'm:f' }, b: {} }"))).toEqual(["two_actions", "no_action"]);
});

test("16 · a lease has no meaning for an approval", () => {
  expect(codes(flow("{ a: { approval: { title: x, from: ['user:a'] }, lease: 1m } }"))).toContain("not_applicable");
});

test.each(["0123", "9007199254740993"])("17 · %s would become another number", (value) => {
  expect(codes(read(`${head}inputs: { a: { type: integer, default: ${value} } }\ntasks: { a: { run: x } }`))).toEqual([
    "bad_value",
  ]);
});

test("18 · a colon in an unquoted condition is told to be put in quotes", () => {
  const [problem] = read(`${head}tasks:\n  a:\n    run: x\n    if: a ? b : c\n`).problems;
  expect(problem).toMatchObject({ code: "yaml_syntax", hint: "put the value in quotes", line: 6 });
});

test.each(["__proto__", "constructor", "$ref"])("19 · %s cannot be a key", (key) => {
  expect(codes(read(`${head}${key}: 1\ntasks: { a: { run: x } }`))).toEqual(["reserved_key"]);
});

test("20 · a look-behind is no RE2 pattern", () => {
  expect(codes(read(`${head}inputs: { a: { type: string, pattern: "(?<=a)b" } }\ntasks: { a: { run: x } }`))).toEqual([
    "bad_pattern",
  ]);
});

test("21 · a reference to a secret cannot climb out of its path, and is not repeated", () => {
  const result = read(`${head}secrets: { A: "vault:main/kv/../x#k" }\ntasks: { a: { run: x } }`);
  expect(codes(result)).toEqual(["secret_reference_invalid"]);
  expect(lines(result).join()).not.toContain("kv/..");
});

test("22 · the order of keys is no part of a version", () => {
  const one = read(
    "version: 1\nname: w\ntasks:\n  a: { run: x, timeout: 5m, env: { A: a, B: b } }\n  b: { run: y, needs: [a] }\n",
  );
  const other = read(
    "tasks:\n  b: { needs: [a], run: y }\n  a: { env: { B: b, A: a }, timeout: 5m, run: x }\nname: w\nversion: 1\n",
  );
  expect(one.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(other.digest).toBe(one.digest);
});

test("23 · an unknown task in an expression is told at its column, with a guess", () => {
  const text = `${head}tasks:
  download: { http: { url: "https://example.org", saveAs: a.csv } }
  load:
    run: cat
    with: { f: "\${{ tasks.downlod.outputs.file }}" }
`;
  expect(lines(read(text))).toEqual(["w.yaml:7:27 unknown_name tasks.downlod is not a task; did you mean download?"]);
});

test("24 · an unknown need, and a cycle with its path", () => {
  expect(codes(flow("{ a: { run: x, needs: [ghost] } }"))).toEqual(["unknown_task"]);
  const cycle = flow(`{ a: { run: x, needs: [b] }, b: { run: x, with: { s: "\${{ tasks.a.state }}" } } }`);
  expect(lines(cycle).join()).toContain("a → b → a");
  expect(codes(cycle)).toEqual(["cycle"]);
});

const declared = `inputs: { n: integer, x: number, list: array, bucket: string, url: string, prod: boolean }
secrets: { T: env:T, A: env:A, B: env:B }
`;
const withExpression = (expression: string, key = "with"): ReadWorkflow =>
  read(`${head}${declared}tasks:
  select: { run: x, outputs: { accuracy: number } }
  a:
    run: x
    ${key}: ${key === "if" ? expression : `{ V: '${expression}' }`}
`);

test.each([
  ["27", "x ${{ inputs.list }}", "not_text"],
  ["33", "${{ inputs.x in [1, 2] }}", "type_mismatch"],
  ["36", '${{ inputs.bucket.matches("a") }}', "unknown_function"],
  ["38", "${{ inputs.list.map(i, i).map(i, i).map(i, i) }}", "expression_too_complex"],
  ["39", "${{ cel.bind(x, 1, x) }}", "unknown_function"],
  ["42", "Bearer ${{ secrets.T }}", "secret_misplaced"],
  ["42", "${{ dyn(secrets.T) }}", "secret_misplaced"],
  ["45", "${{ inputs.constructor }}", "unknown_name"],
  ["46", "${{ item }}", "not_available_here"],
  ["47", "${{ now() }}", "unknown_function"],
  ["109", "${{ tasks.select.status }}", "unknown_name"],
  ["110", '${{ run.state == "failed" }}', "not_available_here"],
  ["P1", "${{ }}", "expression_syntax"],
  ["P1", "${{ inputs.n", "expression_syntax"],
])("%s · %s is %s", (_, expression, code) => {
  expect(codes(withExpression(expression))).toEqual([code]);
});

test.each([
  ["33", "${{ inputs.x in [1, 2] }}", "[1.0, 2.0]"],
  ["36", '${{ inputs.bucket.matches("a") }}', "re"],
  ["47", "${{ now() }}", "run.startedAt"],
  ["109", "${{ tasks.select.status }}", "did you mean state?"],
])("%s · %s comes with the hint %s", (_, expression, hint) => {
  expect(withExpression(expression).problems[0]?.hint).toContain(hint);
});

test.each([
  ["28", "$${{ a }}"],
  ["29", '${{ {"a": {"b": 1}} }}'],
  ["41", "${{ secrets.T }}"],
  ["43", "${{ inputs.prod ? secrets.A : secrets.B }}"],
])("%s · %s is valid in env or with", (_, expression) => {
  expect(lines(withExpression(expression))).toEqual([]);
});
test("41 · a secret alone is valid in env", () => {
  expect(lines(withExpression("${{ secrets.T }}", "env"))).toEqual([]);
});

test("34 · a condition that is no bool is refused", () => {
  const [problem] = withExpression("tasks.select.outputs.accuracy", "if").problems;
  expect(problem).toMatchObject({ code: "type_mismatch" });
  expect(problem?.detail).toContain("bool");
});
test("35 · a number is not compared with text", () => {
  expect(codes(withExpression("tasks.select.outputs.accuracy >= inputs.bucket", "if"))).toEqual(["type_mismatch"]);
});

test("44 · an expression in a script is refused at its place", () => {
  const result = read(`${head}${declared}tasks:\n  a:\n    run: |\n      set -e\n      curl \${{ inputs.url }}\n`);
  expect(result.problems[0]).toMatchObject({ code: "script_expression", line: 9, column: 12 });
});

test("48 · onSuccess may read what may be absent only by .?", () => {
  const hook = (text: string): ReadWorkflow =>
    read(`${head}secrets: { S: env:S }
tasks: { a: { run: x, if: run.number > 1, outputs: { rows: integer } } }
hooks: { onSuccess: [{ slack: { webhook: "\${{ secrets.S }}", text: "\${{ ${text} }}" } }] }
`);
  expect(codes(hook("tasks.a.outputs.rows"))).toEqual(["maybe_missing"]);
  expect(lines(hook("tasks.a.?outputs.?rows.orValue(0)"))).toEqual([]);
});

test("72 · a run output may read what may be absent only by .?", () => {
  const output = (text: string): ReadWorkflow =>
    read(
      `${head}tasks: { a: { run: x, if: run.number > 1, outputs: { rows: integer } } }\noutputs: { r: "\${{ ${text} }}" }`,
    );
  expect(codes(output("tasks.a.outputs.rows"))).toEqual(["maybe_missing"]);
  expect(lines(output("tasks.a.?outputs.?rows.orValue(0)"))).toEqual([]);
});

test("85 · grace is at most half of the lease", () => {
  expect(codes(flow("{ a: { run: x, lease: 30s, grace: 20s } }"))).toEqual(["bad_value"]);
  expect(lines(flow("{ a: { run: x, lease: 30s, grace: 15s } }"))).toEqual([]);
});

test("108 · a comment is no part of a version, a description is", () => {
  const first = read(`${head}tasks: { a: { run: x } } # one`);
  expect(read(`${head}# two\ntasks: { a: { run: x } }`).digest).toBe(first.digest);
  expect(read(`${head}description: d\ntasks: { a: { run: x } }`).digest).not.toBe(first.digest);
});

test("110 · run.state is there in onEnd", () => {
  const text = `${head}secrets: { S: env:S }
tasks: { a: { run: x } }
hooks: { onEnd: [{ if: 'run.state == "failed"', slack: { webhook: "\${{ secrets.S }}", text: t } }] }
`;
  expect(lines(read(text))).toEqual([]);
});

test("112 · isolation names one level", () => {
  expect(codes(flow("{ a: { run: x, isolation: [L0, L1] } }"))).toEqual(["bad_value"]);
  // The right form is known; running it is for a later release.
  expect(codes(flow("{ a: { run: x, isolation: [L1, own-runner] } }"))).toEqual(["not_supported"]);
});

test("what the language knows and this release does not run is refused at its place", () => {
  const result = flow("{ a: { run: x, network: none }, b: { spark: { image: x, main: y } } }");
  expect(result.problems).toMatchObject([
    { code: "not_supported", line: 3, column: 23 },
    { code: "not_supported", line: 3, column: 45 },
  ]);
  for (const problem of result.problems) expect(problem.detail).toContain("not supported yet");
  expect(result.document).toBeUndefined();
});

test("all problems of a document are told at once, in the order of the text", () => {
  const result = read(`${head}titel: x
tasks:
  a: { run: "echo \${{ inputs.x }}" }
  b: { run: x, timeout: 5, needs: [c] }
`);
  expect(codes(result)).toEqual(["unknown_key", "script_expression", "bad_duration", "unknown_task"]);
});

test.each([
  ["2 MiB of text", `${head}title: ${"x".repeat(2 * 1024 * 1024)}`],
  ["50,000 open brackets", `${head}title: ${"[".repeat(50_000)}`],
  ["50,000 nested items", `${head}title: ${"- ".repeat(50_000)}`],
  ["100 levels", `${head}title: ${"[".repeat(100)}${"]".repeat(100)}`],
  ["20,000 keys", `${head}${Array.from({ length: 20_000 }, (_, index) => `k${index}: 1\n`).join("")}`],
  ["200,000 items", `${head}tags: [${"a,".repeat(200_000)}]`],
])("%s are refused as too large, and quickly", (_, text) => {
  expect(cpuMsOf(() => expect(codes(read(text))).toEqual(["too_large"]))).toBeLessThan(3000);
});

test("an alias within its own anchor ends", () => {
  expect(codes(read(`${head}title: &a [*a]\n`))).toContain("yaml_feature");
});

test("a type error is told at the column of the operation, whatever stands before it", () => {
  const text = `${head}${declared}tasks:
  a:
    run: x
    with: { v: "n \${{ inputs.n > 0 ? inputs.url + 1 : inputs.url }}" }
`;
  // The sum begins behind `inputs.n > 0 ? `.
  expect(read(text).problems).toMatchObject([{ code: "type_mismatch", line: 8, column: 38 }]);
});

test("a graph of 1,000 tasks, each with an expression of its own, is read without blow-up", () => {
  const tasks = Array.from(
    { length: 999 },
    (_, index) => `  t${index + 1}:
    run: echo
    needs: [t${index}]
    env: { A: "n \${{ tasks.t${index}.outputs.rows + ${index} }}" }
    outputs: { rows: integer }
`,
  );
  const text = `${head}tasks:\n  t0: { run: x, outputs: { rows: integer } }\n${tasks.join("")}`;
  read(text);
  // About 150 ms; the bound leaves room for a slow machine and none for anything quadratic.
  expect(cpuMsOf(() => read(text))).toBeLessThan(1500);
  const { document, problems } = read(text);
  expect(problems).toEqual([]);
  expect(document?.tasks["t999"]?.needs).toEqual(["t998"]);
  expect(codes(read(`${text}  t1000: { run: x }\n`))).toEqual(["too_large"]);
});

test("a cycle through 1,000 tasks is found", () => {
  const tasks = Array.from({ length: 1000 }, (_, index) => `t${index}: { run: x, needs: [t${(index + 1) % 1000}] }`);
  expect(codes(flow(`{ ${tasks.join(", ")} }`))).toEqual(["cycle"]);
});

test.each(["\\0", "\\ud800"])("a text that no database could keep is refused: %s", (escape) => {
  expect(codes(read(`${head}title: "a${escape}"\ntasks: { a: { run: x } }`))).toEqual(["bad_value"]);
  expect(codes(read(`${head}tasks: { a: { run: x, with: { "k${escape}": 1 } } }`))).toEqual(["reserved_key"]);
});

test.each(["../secret.py", "/etc/passwd", "a/../../b.py", "C:\\\\x.py", "a//b.py"])(
  "an action cannot name a file outside the code of its workflow: %s",
  (file) => {
    expect(codes(flow(`{ a: { python: { file: "${file}" } } }`))).toEqual(["bad_value"]);
  },
);
test("files within the code and calls are named as they are", () => {
  expect(
    lines(flow("{ a: { python: { file: jobs/a.py } }, b: { node: 'jobs/b.mjs#main' }, c: { python: 'm.n:f' } }")),
  ).toEqual([]);
  expect(codes(flow("{ a: { python: 'no call' } }"))).toEqual(["bad_value"]);
});

test("vars: a name that is not listed is unknown, with the nearest; their order and repetition mean nothing", () => {
  const of = (vars: string, name: string) =>
    readWorkflow({
      text: `version: 1\nname: x\nvars: ${vars}\ntasks: { a: { run: "true", env: { A: "\${{ vars.${name} }}" } } }\n`,
    });
  expect(of("[region]", "regoin").problems).toMatchObject([{ code: "unknown_name", hint: "did you mean region?" }]);
  expect(of("[region, zone]", "zone").problems).toEqual([]);
  expect(of("[zone, region, zone]", "zone").digest).toBe(of("[region, zone]", "zone").digest);
});
