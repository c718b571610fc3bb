// Workflows that are programs: what they give, and what is said of those that give nothing.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { formatProblem, readWorkflow, type Problem } from "@capstan/proto";
import { packageFolder } from "../dev/package-path.ts";
import { packSources } from "./deploy.ts";
import { problemsOf, readSources, type WorkflowSource } from "./sources.ts";

const hasPython = spawnSync("python3", ["--version"]).status === 0;
let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "capstan-programs-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
const read = (): Promise<WorkflowSource[]> => readSources(["."], root);
const lines = async (): Promise<string[]> =>
  (await read()).flatMap((source) => problemsOf(source, root)).map((problem: Problem) => formatProblem(problem));

const inline = `import { nodeTask, workflow, z } from "@capstan/sdk";
import { factor } from "./_shared.ts";
enum Kind { Plain }
const double = nodeTask({
  input: z.object({ n: z.int() }),
  output: z.object({ n: z.int() }),
  run: ({ input }) => {
    if (input.n < 0) throw new RangeError("below zero");
    return { n: input.n * factor + Kind.Plain };
  },
});
export default workflow("doubled", { inputs: z.object({ n: z.int() }) }, ({ inputs, task }) => {
  const delete_ = task("delete", double, { n: inputs.n });
  return { n: delete_.outputs.n };
});
`;

test("107: a workflow in YAML, TypeScript and Python has one digest", { timeout: 60_000 }, async () => {
  cpSync(join(packageFolder("@capstan/sdk"), "test", "one-digest"), join(root, "workflows"), { recursive: true });
  write("jobs/load.py", "def load(): pass\n");
  if (!hasPython) rmSync(join(root, "workflows", "care_report.py"));
  const sources = await read();
  const found = sources.map(({ file, source }) => [file, readWorkflow({ text: source, file }).digest]);
  const [, [, digest] = []] = found;
  expect(digest).toMatch(/^sha256:/);
  expect(found).toEqual([
    ["workflows/care-report.ts", digest],
    ...(hasPython ? [["workflows/care_report.py", digest]] : []),
    ["workflows/care_report.yaml", digest],
  ]);
  expect(new Set(sources.map(({ codeRoot }) => codeRoot))).toEqual(new Set([root]));
});

test(
  "the functions of a file are one module that exports each by the id of its task",
  { timeout: 60_000 },
  async () => {
    write("workflows/_shared.ts", "export const factor = 2;\n");
    write("workflows/doubled.ts", inline);
    const [source] = await read();
    expect(source?.problems).toEqual([]);
    const [bundled] = source?.bundled ?? [];
    expect(source?.bundled).toHaveLength(1);
    expect(bundled?.path).toMatch(/^capstan-bundle\/[0-9a-f]{64}\.mjs$/);
    expect(source?.source).toContain(`"entry": "${bundled?.path}#delete"`);
    const module = join(root, "module.mjs");
    writeFileSync(module, bundled?.content ?? "");
    const loaded = (await import(pathToFileURL(module).href)) as Record<string, (call: object) => unknown>; // made above
    expect(Object.keys(loaded)).toEqual(["delete"]);
    expect(await loaded["delete"]?.({ input: { n: 4 } })).toEqual({ n: 8 });
    const [packed] = packSources(source === undefined ? [] : [source], root);
    expect(packed?.bundle?.files).toEqual([bundled?.path]);
  },
);

test("equal sources give the same bundle wherever they lie", { timeout: 60_000 }, async () => {
  write("one/workflows/_shared.ts", "export const factor = 2;\n");
  write("one/workflows/doubled.ts", inline);
  cpSync(join(root, "one"), join(root, "deeper", "two"), { recursive: true });
  const [one, two] = await read();
  expect(one?.bundled[0]?.content.length).toBeGreaterThan(1000);
  expect(one?.source).toBe(two?.source);
  const text = readFileSync(join(root, "one/workflows/doubled.ts"), "utf8");
  write("one/workflows/doubled.ts", text.replace("below zero", "less than zero"));
  expect((await read())[1]?.source).not.toBe(one?.source);
});

const sdk = `import { expr, shellTask, workflow, z } from "@capstan/sdk";\n`;

test.for([
  [
    "a syntax error",
    `${sdk}export default workflow("a", {}, ({ task }) => {\n  task("a" shellTask("x"));\n});\n`,
    /^workflows\/a\.ts:3:12 build_failed Expected "\)" but found "shellTask"/,
  ],
  [
    "a module that is not there",
    `${sdk}import "./nothing.ts";\nexport default workflow("a", {}, () => {});\n`,
    /^workflows\/a\.ts:2:8 build_failed Could not resolve "\.\/nothing\.ts"/,
  ],
  [
    "an exception",
    `${sdk}export default workflow("a", {}, () => {\n  const table: Record<string, { x: number }> = {};\n  table["y"].x;\n});\n`,
    /^workflows\/a\.ts:4:14 build_failed TypeError: Cannot read properties of undefined/,
  ],
  [
    "a reference that is used as text",
    `${sdk}export default workflow("a", { inputs: z.object({ n: z.int() }) }, ({ inputs, task }) => {\n  task("a", shellTask("echo " + inputs.n));\n});\n`,
    /^workflows\/a\.ts:3:23 type_mismatch inputs\.n has no value yet .*use expr or text/,
  ],
  [
    "no workflow",
    `${sdk}console.log("garbage");\nexport const a = 1;\n`,
    /^workflows\/a\.ts build_failed the file exports no workflow/,
  ],
  [
    "an end before there is a document",
    `${sdk}console.log("garbage");\nprocess.exit(0);\n`,
    /^workflows\/a\.ts build_failed workflows\/a\.ts declares no workflow; it printed "garbage"/,
  ],
  [
    "chance",
    `${sdk}export default workflow("a", {}, ({ task }) => {\n  task("a", shellTask(String(Math.random())));\n});\n`,
    /^workflows\/a\.ts build_not_pure built twice, \/tasks\/a\/run is not the same/,
  ],
  [
    "a mistake that the checker finds",
    `${sdk}export default workflow("a", { inputs: z.object({ n: z.int() }) }, ({ inputs, task }) => {\n  console.log("harmless");\n  task("a", shellTask("x"), {}, { if: expr\`\${inputs.n} > "x"\` });\n});\n`,
    /^workflows\/a\.ts:4:3 type_mismatch/,
  ],
] as const)("TypeScript, %s: told with file, line and column", { timeout: 60_000 }, async ([, text, line]) => {
  write("workflows/a.ts", text);
  expect(await lines()).toEqual([expect.stringMatching(line)]);
});

const py = `from capstan import Workflow, expr, text\nw = Workflow("a", inputs={"n": "integer"})\n`;

test.runIf(hasPython).for([
  [
    "a syntax error",
    "from capstan import Workflow\nw = Workflow('a'\n",
    /^workflows\/a\.py:2:1 build_failed SyntaxError/,
  ],
  ["an exception", `${py}def f():\n    return {}["x"]\nf()\n`, /^workflows\/a\.py:4:1 build_failed KeyError: 'x'/],
  [
    "a reference that is used as text",
    `${py}w.task("a", run=f"echo {w.inputs.n}")\n`,
    /^workflows\/a\.py:3:1 build_failed a\.run is text with a reference in it; write text\(/,
  ],
  [
    "a reference that is compared",
    `${py}if w.inputs.n == 1:\n    pass\n`,
    /^workflows\/a\.py:3:1 build_failed inputs\.n has no value yet and cannot be compared/,
  ],
  [
    "no workflow",
    "print('garbage')\n",
    /^workflows\/a\.py build_failed workflows\/a\.py declares no workflow; it printed "garbage"/,
  ],
  [
    "an exit code",
    `${py}import sys\nsys.exit(3)\n`,
    /^workflows\/a\.py build_failed workflows\/a\.py ended with exit code 3/,
  ],
  ["chance", `${py}import random\nw.task("a", run=str(random.random()))\n`, /^workflows\/a\.py:1:1 build_not_pure/],
  [
    "the order of a set",
    `${py}for name in {"a", "b", "c", "d", "e", "f"}:\n    w.task(name, run="true")\nw.outputs(x=str(list({"p", "q", "r", "s"})))\n`,
    /build_not_pure/,
  ],
  ["a second workflow", `${py}Workflow("b")\n`, /^workflows\/a\.py:3:1 build_failed a file declares one workflow/],
  [
    "a mistake that the checker finds",
    `print("harmless")\n${py}w.task("a", run="x", if_=expr(f'{w.inputs.n} > "x"'))\n`,
    /^workflows\/a\.py:4:1 type_mismatch/,
  ],
] as const)("Python, %s: told with file and line", { timeout: 60_000 }, async ([, text, line]) => {
  write("workflows/a.py", text);
  expect(await lines()).toEqual([expect.stringMatching(line)]);
});

test.runIf(hasPython)("a Python workflow prints its document where it is run by hand", () => {
  write("workflows/a.py", `${py}w.task("a", run="echo $N", env={"N": w.inputs.n})\n`);
  const done = spawnSync("python3", [join(root, "workflows/a.py")], {
    encoding: "utf8",
    env: { ...process.env, PYTHONPATH: join(packageFolder("@capstan/sdk"), "python"), PYTHONDONTWRITEBYTECODE: "1" },
  });
  expect(readWorkflow({ text: done.stdout }).problems).toEqual([]);
});

test("programs count below a folder of workflows alone, and those with an underscore are what they share", async () => {
  write("jobs/load.py", "raise SystemExit(1)\n");
  write("lib/a.ts", "this is nothing\n");
  write("workflows/_shared.ts", "this is nothing\n");
  write("workflows/types.d.ts", "this is nothing\n");
  write("workflows/a.test.ts", "this is nothing\n");
  write("workflows/a.yaml", "version: 1\nname: a\ntasks: { t: { run: echo } }\n");
  expect((await read()).map(({ file }) => file)).toEqual(["workflows/a.yaml"]);
});

const capstan = (...args: readonly string[]): { code: number | null; stdout: string; stderr: string } => {
  const main = join(import.meta.dirname, "..", "main.ts");
  const done = spawnSync(process.execPath, ["--conditions=capstan-source", main, ...args], {
    cwd: root,
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/", NO_COLOR: "1" },
  });
  return { code: done.status, stdout: done.stdout, stderr: done.stderr };
};

test("capstan test rehearses a run and leaves with its exit code", { timeout: 60_000 }, () => {
  write("workflows/_shared.ts", "export const factor = 2;\n");
  write("workflows/doubled.ts", inline);
  const rehearse = (...more: readonly string[]): ReturnType<typeof capstan> =>
    capstan("test", "workflows/doubled.ts", "-i", "n=2", ...more);
  const good = rehearse("--mock", 'delete={"n":4}');
  expect([good.code, good.stdout]).toEqual([
    0,
    expect.stringMatching(/doubled {2}. succeeded[^]*delete.*n 4[^]*"n":4/),
  ]);
  write("mocks.yaml", "delete: { $fail: no way, $retryable: false }\n");
  const bad = rehearse("--mocks", "mocks.yaml", "-o", "json");
  expect([bad.code, JSON.parse(bad.stdout)]).toMatchObject([1, { state: "failed", failure: { message: "no way" } }]);
  const without = rehearse();
  expect([without.code, without.stderr]).toEqual([2, expect.stringContaining(`--mock 'delete={"n":1}'`)]);
  const wrong = rehearse("--mock", "delete=4");
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("the mock of delete is a map of outputs")]);
});

test("capstan build writes the document and the bundle that it names", { timeout: 60_000 }, () => {
  write("workflows/_shared.ts", "export const factor = 2;\n");
  write("workflows/doubled.ts", inline);
  const done = capstan("build", "--out", "dist", "-o", "json");
  expect(done.code, done.stderr).toBe(0);
  const [row] = JSON.parse(done.stdout) as readonly { bundle: string; functions: number; bytes: number }[]; // one row
  expect(row).toMatchObject({ functions: 1 });
  expect(readFileSync(join(root, "dist", "doubled.json"), "utf8")).toContain(`${row?.bundle}#delete`);
  expect(readFileSync(join(root, "dist", row?.bundle ?? "")).length).toBe(row?.bytes);
});
