// What people get wrong: each with a code, the place, and the exit code that a script can tell it by.
import { rm } from "node:fs/promises";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  folderWith,
  freePort,
  node24,
  runToEnd,
  startProduct,
  type Finished,
  type Product,
} from "../support/product.ts";
import { root } from "../support/sources.ts";

const cli = join(root, "cli/bin/capstan.js");

/** A folder with these files that is removed when the test has finished. */
async function passingFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await folderWith(files);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const head = "version: 1\nname: w\n";

interface BadDocument {
  readonly what: string;
  readonly text: string;
  readonly says: readonly (string | RegExp)[];
}

const bomb = `${head}tasks:\n  a: { run: "true" }\ndescription: &a x\ntags: [${"*a, ".repeat(200)}*a]\n`;

const documents: readonly BadDocument[] = [
  {
    what: "an unknown key",
    text: `${head}tasks:\n  a:\n    run: "true"\n    retries: 3\n`,
    says: ["unknown_key", "retries", /w\.yaml\s+6\s+5\s/],
  },
  {
    what: "a wrong type",
    text: `${head}tasks:\n  a: { run: "true", title: [1] }\n`,
    says: ["wrong_type", "title"],
  },
  {
    what: "a duration without a unit",
    text: `${head}tasks:\n  a: { run: "true", timeout: 10 }\n`,
    says: ["bad_duration"],
  },
  {
    what: "the same task twice",
    text: `${head}tasks:\n  a: { run: "true" }\n  a: { run: "true" }\n`,
    says: ["duplicate_key"],
  },
  {
    what: "a cycle",
    text: `${head}tasks:\n  a: { run: "true", needs: [b] }\n  b: { run: "true", needs: [a] }\n`,
    says: ["cycle", /a.*b/],
  },
  {
    what: "a task that does not exist",
    text: `${head}tasks:\n  greet: { run: "true" }\n  b: { run: "true", needs: [gret] }\n`,
    says: ["unknown_task", "did you mean greet?"],
  },
  {
    what: "an output that does not exist",
    text: `${head}tasks:\n  greet: { run: "true", outputs: { text: string } }\n  b: { run: "true", env: { X: "\${{ tasks.greet.outputs.txt }}" } }\n`,
    says: ["unknown_name", "did you mean text?"],
  },
  {
    what: "an expression in a script",
    text: `${head}tasks:\n  a: { run: "echo \${{ run.id }}" }\n`,
    says: ["script_expression"],
  },
  { what: "a bomb of aliases", text: bomb, says: ["yaml_feature"] },
  {
    what: "a file of 2 MiB",
    text: `${head}tasks:\n  a: { run: "true" }\n# ${"x".repeat(2 * 1024 * 1024)}\n`,
    says: ["too_large"],
  },
  {
    what: "a key of a later release",
    text: `${head}tasks:\n  a: { container: { image: alpine } }\n`,
    says: ["not_supported", "not supported yet"],
  },
  {
    what: "triggers of a later release",
    text: `${head}triggers:\n  - { id: fresh, asset: { any: ["s3://lake/orders"] } }\ntasks:\n  a: { run: "true" }\n`,
    says: ["not_supported", "not supported yet"],
  },
  { what: "two actions", text: `${head}tasks:\n  a: { run: "true", http: "http://x" }\n`, says: ["two_actions"] },
  { what: "no YAML at all", text: `${head}tasks: [\n`, says: ["yaml_syntax"] },
];

describe("a document that is not valid is refused with code and place, before anything is started", () => {
  test.each(documents)("$what", async ({ text, says }) => {
    const folder = await passingFolder({ "workflows/w.yaml": text });
    const done = await runToEnd(node24, [cli, "validate", "workflows/w.yaml"], { cwd: folder });
    expect(done.code, done.stdout + done.stderr).toBe(3);
    for (const word of says) expect(done.stdout + done.stderr).toMatch(word);
    expect(done.stdout + done.stderr).toContain("w.yaml");
    expect(done.stdout + done.stderr).not.toMatch(/\n\s+at .*\.(ts|js):/); // no stack
  });
});

const workflows = {
  "workflows/typed.yaml": `version: 1
name: typed
inputs: { count: { type: integer, minimum: 1, maximum: 9 } }
tasks: { a: { run: "true" } }
`,
  "workflows/not_json.yaml": `version: 1
name: not_json
tasks: { a: { run: 'echo "{ broken" > "$CAPSTAN_OUTPUTS"', outputs: { x: object } } }
`,
  "workflows/too_much.yaml": `version: 1
name: too_much
tasks: { a: { run: 'printf "x=%s\\n" "$(head -c 400000 /dev/zero | tr "\\0" x)" > "$CAPSTAN_OUTPUTS"', outputs: { x: string } } }
`,
  "workflows/missing.yaml": `version: 1
name: missing
tasks: { a: { run: "true", outputs: { x: string } } }
`,
  "workflows/traceback.yaml": `version: 1
name: traceback
tasks: { a: { python: "jobs.broken:go" } }
`,
  "jobs/broken.py": `def go():\n    values = {}\n    return values["nothing"]\n`,
  "workflows/loud.yaml": `version: 1
name: loud
tasks: { a: { run: "head -c 20000000 /dev/zero | tr '\\\\0' x | fold -w 99; echo the-last-line" } }
`,
};

describe("at a running product", () => {
  let product: Product;
  beforeAll(async () => {
    product = await startProduct({ files: workflows, args: ["--empty"] });
  });
  afterAll(async () => {
    await product?.remove();
  });

  const failed = async (workflow: string): Promise<Finished> => {
    const done = await product.cli(["run", workflow, "--wait", "-o", "json"]);
    expect(done.code, done.stderr).toBe(1);
    return done;
  };

  test("an unknown workflow is not found, and the nearest is named", async () => {
    const done = await product.cli(["run", "typd"]);
    expect(done.code).toBe(5);
    expect(done.stderr).toContain("typd");
  });

  test.each([
    [["run", "typed"], "count"],
    [["run", "typed", "-i", "count=many"], "count"],
    [["run", "typed", "-i", "count=99"], "count"],
    [["run", "typed", "-i", "count=3", "-i", "colour=red"], "colour"],
  ])("inputs that do not fit fail before a run exists: %j", async (args, word) => {
    const done = await product.cli(args);
    expect(done.code, done.stdout + done.stderr).toBe(3);
    expect(done.stderr).toContain(word);
    const list = await product.get<{ data: unknown[] }>("/runs?workflow=typed");
    expect(list.data).toEqual([]);
  });

  test.each([
    ["not_json", "output_invalid"],
    ["too_much", "output_too_large"],
    ["missing", "output_missing"],
  ])("outputs of %s fail the task with %s", async (workflow, code) => {
    await failed(workflow);
    expect((await product.finished(`${workflow}-1`)).failure).toMatchObject({ code, task: "a" });
    expect((await product.cli(["explain", `${workflow}-1`])).stdout).toContain(code);
  });

  test("a Python traceback is shown with file and line", async () => {
    await failed("traceback");
    const run = await product.finished("traceback-1");
    expect(run.failure).toMatchObject({ type: "KeyError", file: "jobs/broken.py", line: 3 });
    expect((await product.cli(["explain", "traceback-1"])).stdout).toContain("jobs/broken.py:3");
    expect((await product.cli(["logs", "traceback-1"])).stdout).toContain("Traceback");
  });

  test("20 MB of log are stored to the last byte", async () => {
    const done = await product.cli(["run", "loud", "--wait", "-o", "json"], { timeoutMs: 80_000 });
    expect(done.code, done.stderr).toBe(0);
    const logs = await product.cli(["logs", "loud-1", "--raw"], { timeoutMs: 60_000 });
    expect(logs.stdout.trimEnd().endsWith("the-last-line")).toBe(true);
    expect(Buffer.byteLength(logs.stdout)).toBeGreaterThanOrEqual(20_000_000);
  }, 180_000);

  test("a second dev on the same data names the first, and touches nothing", async () => {
    const done = await runToEnd(node24, [cli, "dev", product.folder, "--data", product.data, "-o", "jsonl"], {
      cwd: product.folder,
    });
    expect(done.code).toBe(1);
    expect(done.stderr).toContain(product.url);
    expect((await fetch(`${product.url}/readyz`)).ok).toBe(true);
  });

  test("a word that is no command gets the nearest ones and exit code 2", async () => {
    const done = await product.cli(["rnu"]);
    expect(done.code).toBe(2);
    expect(done.stderr).toContain("run");
  });
});

describe("at the start", () => {
  test("a port that was asked for and is taken stops the start with its name", async () => {
    const port = await freePort();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    const folder = await passingFolder({ "workflows/w.yaml": `${head}tasks: { a: { run: "true" } }\n` });
    try {
      const done = await runToEnd(node24, [cli, "dev", "--port", String(port), "--data", join(folder, ".capstan")], {
        cwd: folder,
      });
      expect(done.code).toBe(1);
      expect(done.stderr).toContain(String(port));
      expect(done.stderr.trimEnd().split("\n").at(-1)).toContain("capstan dev --port");
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test("files of another PostgreSQL are not touched", async () => {
    const folder = await passingFolder({ "workflows/w.yaml": `${head}tasks: { a: { run: "true" } }\n` });
    const pg = join(folder, ".capstan/pg");
    mkdirSync(pg, { recursive: true });
    writeFileSync(join(pg, "PG_VERSION"), "17\n");
    const done = await runToEnd(
      node24,
      [cli, "dev", "--port", String(await freePort()), "--data", join(folder, ".capstan")],
      { cwd: folder },
    );
    expect(done.code).toBe(1);
    expect(done.stderr).toContain("17");
    expect(readdirSync(pg)).toEqual(["PG_VERSION"]);
    expect(readFileSync(join(pg, "PG_VERSION"), "utf8")).toBe("17\n");
  });

  test("no server: one line with the address, and exit code 7", async () => {
    const folder = await passingFolder({});
    const port = await freePort();
    const done = await runToEnd(node24, [cli, "runs", "list", "--server", `http://127.0.0.1:${port}`], {
      cwd: folder,
      env: { CAPSTAN_TOKEN: "capstan_pat_none" },
    });
    expect(done.code).toBe(7);
    expect(done.stderr).toContain(String(port));
  });
});
