import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkPythonCalls } from "./python-signature.ts";
import { readSources } from "./sources.ts";

const hasPython = spawnSync("python3", ["--version"]).status === 0;

const problemsOf = async (withMap: string, python: string, action = "load:run"): Promise<unknown[]> => {
  const root = mkdtempSync(join(tmpdir(), "capstan-python-"));
  try {
    mkdirSync(join(root, "workflows"));
    writeFileSync(join(root, "load.py"), python);
    writeFileSync(
      join(root, "workflows", "w.yaml"),
      `version: 1\nname: w\ntasks:\n  t:\n    python: ${action}\n    with: ${withMap}\n`,
    );
    return (await readSources(["workflows"], root)).flatMap(checkPythonCalls);
  } finally {
    rmSync(root, { recursive: true });
  }
};

const python = "def run(source: str, table: str = 'x') -> dict:\n    return {}\n";

test.runIf(hasPython)(
  "an argument that the function lacks is found in its line, one that it needs is named",
  async () => {
    expect(await problemsOf("{ source: a }", python)).toEqual([]);
    expect(await problemsOf("{ sorce: a }", python)).toEqual([
      expect.objectContaining({
        code: "with_mismatch",
        line: 6,
        column: 13,
        detail: expect.stringContaining("Did you mean source?"),
      }),
      expect.objectContaining({ code: "with_mismatch", line: 6, detail: "load:run needs the argument source" }),
    ]);
  },
);

test.runIf(hasPython)("a module that cannot be imported is told with Python's own words", async () => {
  expect(await problemsOf("{ source: a }", "import nothing_of_that_name\n")).toEqual([
    expect.objectContaining({ code: "python_describe", detail: expect.stringContaining("nothing_of_that_name") }),
  ]);
});

test.runIf(hasPython)(
  "a package that only the task's own environment has is no mistake; a missing module of the code is",
  async () => {
    const own = "{ call: load:run, environment: { kind: venv, requirements: r.txt } }";
    expect(await problemsOf("{ source: a }", `import nothing_of_that_name\n${python}`, own)).toEqual([]);
    expect(await problemsOf("{ sorce: a, source: b }", python, own)).toEqual([
      expect.objectContaining({ code: "with_mismatch" }),
    ]);
    expect(await problemsOf("{ source: a }", "import load.parts\n", own)).toEqual([
      expect.objectContaining({ code: "python_describe" }),
    ]);
  },
);
