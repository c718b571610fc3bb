// Environments with real installers. A wheel that the test makes is always there; what needs an index is skipped, with the
// reason, where none can be reached.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { encodeBundle, type PythonAction } from "@capstan/proto";
import { settingsFrom } from "./config.ts";
import { evictEnvironments, obtainEnvironment } from "./environment-store.ts";
import { createExecutors, findPython } from "./index.ts";
import { findProgram } from "./interpreter.ts";
import { openBench, runPrepared, type BenchOptions, type Ran } from "./testing.ts";

const bench = openBench();
afterAll(() => bench.end(), 60_000);
const path = process.env["PATH"] ?? "";
const home = process.env["HOME"] ?? "/";
const python = await findPython(path, home);
const secret = "hunter2-hunter2";
const executor = createExecutors(settingsFrom({ PATH: path, HOME: home, CAPSTAN_SECRET_KEY: secret }))["python"];

/** A `uv` that makes what it is asked for without a network, and writes down its arguments and environment. */
const fakeFolder = join(bench.folder, "bin");
const fakeLog = join(bench.folder, "uv.log");
mkdirSync(fakeFolder);
writeFileSync(
  join(fakeFolder, "uv"),
  `#!/bin/sh
echo "$@" >> ${fakeLog}
env >> ${fakeLog}
if [ "$1" = venv ]; then
  for last; do :; done
  mkdir -p "$last/bin" && ln -s "${python?.path ?? ""}" "$last/bin/python3"
elif grep -q not-there "$(echo "$@" | sed 's/.* -r //')"; then
  echo "a line before" >&2
  echo "no solution found for capstan-not-there" >&2
  exit 1
fi
`,
  { mode: 0o755 },
);
const quick = createExecutors(settingsFrom({ PATH: `${fakeFolder}:${path}`, HOME: home, CAPSTAN_SECRET_KEY: secret }))[
  "python"
];
const uvBuilds = (): number =>
  existsSync(fakeLog)
    ? readFileSync(fakeLog, "utf8")
        .split("\n")
        .filter((line) => line.startsWith("venv ")).length
    : 0;

/** The smallest wheel: a module and its metadata, packed by Python's own zip. */
const wheels = new Map<string, Uint8Array>();
function wheel(version: string): Uint8Array {
  // Made once: a zip has the time of its making in it.
  const known = wheels.get(version);
  if (known !== undefined) return known;
  const script = `
import sys, zipfile, io
out = io.BytesIO()
with zipfile.ZipFile(out, "w") as z:
    z.writestr("capstan_sample.py", "version = '${version}'\\n")
    d = "capstan_sample-${version}.dist-info/"
    z.writestr(d + "METADATA", "Metadata-Version: 2.1\\nName: capstan-sample\\nVersion: ${version}\\n")
    z.writestr(d + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr(d + "RECORD", "capstan_sample.py,,\\n%sMETADATA,,\\n%sWHEEL,,\\n%sRECORD,,\\n" % (d, d, d))
sys.stdout.buffer.write(out.getvalue())
`;
  const made = spawnSync(python?.path ?? "python3", ["-c", script]).stdout;
  wheels.set(version, made);
  return made;
}

function bundleOf(files: Readonly<Record<string, string | Uint8Array>>): { path: string; sha256: string } {
  const packed = gzipSync(
    encodeBundle(
      Object.entries(files).map(([name, content]) => ({
        path: name,
        content: typeof content === "string" ? Buffer.from(content) : content,
        executable: false,
      })),
    ),
  );
  const sha256 = createHash("sha256").update(packed).digest("hex");
  const place = join(bench.folder, `${sha256}.bundle`);
  writeFileSync(place, packed);
  return { path: place, sha256 };
}

const sample = (version: string, more: Readonly<Record<string, string>> = {}): { path: string; sha256: string } =>
  bundleOf({
    "requirements.txt": "-r base.txt\n",
    "base.txt": "capstan-sample\n",
    [`wheels/capstan_sample-${version}-py3-none-any.whl`]: wheel(version),
    ...more,
  });

interface RunOptions extends BenchOptions {
  readonly env?: Record<string, { $expr: string }>;
  readonly with?: typeof executor | undefined;
}
async function run(action: PythonAction, more?: RunOptions): Promise<Ran> {
  const chosen = more?.with ?? executor;
  if (chosen === undefined) throw new Error("no executor");
  const task = { action: { python: action }, ...(more?.env === undefined ? {} : { env: more.env }) };
  return await runPrepared(await chosen.prepare(bench.context(task, more)));
}
const builds = (): number => bench.notes.filter((note) => note.startsWith("making the Python environment")).length;
const made = (): readonly string[] =>
  readdirSync(join(bench.folder, "cache", "python")).filter((name) => /^[0-9a-f]{40}$/.test(name));
const inline = "import capstan_sample, sys; print(capstan_sample.version, sys.prefix != sys.base_prefix)";
const offline = { requirements: "requirements.txt", wheels: "wheels" } as const;

describe.skipIf(python === undefined)("with python3", () => {
  test("wheels of the bundle are installed by pip without an index, once for attempts that come at once", async () => {
    if (executor === undefined) throw new Error("no executor");
    const bundle = sample("1.0");
    const action = { python: { inline, environment: { kind: "venv", ...offline } } } as const;
    const controller = new AbortController();
    // One that is cancelled leaves the build to the others.
    const first = executor.prepare(bench.context({ action }, { bundle, signal: controller.signal }));
    const others = [1, 2].map(
      async () => await runPrepared(await executor.prepare(bench.context({ action }, { bundle }))),
    );
    controller.abort();
    await expect(first).rejects.toThrow(/abort/i);
    for (const { output } of await Promise.all(others)) expect(output).toBe("1.0 True\n");
    expect(made()).toHaveLength(1);
    const before = builds();
    expect((await run(action.python, { bundle })).output).toBe("1.0 True\n");
    expect(builds()).toBe(before);
  }, 180_000);

  const withUv = { kind: "uv", ...offline } as const;

  test("other wheels, or another included file, are another environment; other code is not", async () => {
    const before = uvBuilds();
    const action: PythonAction = { inline: "print(1)", environment: withUv };
    const counts: number[] = [];
    for (const bundle of [
      sample("2.0"),
      sample("2.0", { "jobs.py": "x = 1" }),
      sample("2.1"),
      sample("2.1", { "base.txt": "capstan-sample>=1\n" }),
    ]) {
      expect((await run(action, { bundle, with: quick })).output).toBe("1\n");
      counts.push(uvBuilds() - before);
    }
    expect(counts).toEqual([1, 1, 2, 3]);
  });

  test("an installer sees no secret and no variable of the task, and the task does", async () => {
    const watched = `import os; print(len(os.environ["KEY"]), os.environ["VIRTUAL_ENV"] in os.environ["PATH"])`;
    const { output } = await run(
      { inline: watched, environment: withUv },
      {
        bundle: sample("4.0"),
        secrets: { KEY: "env:CAPSTAN_SECRET_KEY" },
        env: { KEY: { $expr: "secrets.KEY" } },
        with: quick,
      },
    );
    expect(output).toBe(`${secret.length} True\n`);
    const seen = readFileSync(fakeLog, "utf8");
    expect(seen).toContain(`HOME=${home}`);
    expect(seen).not.toContain(secret);
    expect(seen).not.toMatch(/^(KEY|CAPSTAN_\w+)=/m);
    expect(seen).toMatch(/^pip install .*--no-index --find-links \S+\/wheels -r \S+\/requirements.txt$/m);
  });

  test("what cannot be installed fails as set-up, with the installer's last lines in message and log", async () => {
    if (quick === undefined) throw new Error("no executor");
    const bundle = bundleOf({ "requirements.txt": "capstan-not-there==9\n", "wheels/readme.txt": "empty" });
    const action = { python: { inline, environment: withUv } } as const;
    const prepared = await quick.prepare(bench.context({ action }, { bundle }));
    expect(prepared).toMatchObject({
      kind: "failed",
      retryable: true,
      failure: {
        class: "setup",
        code: "setup_failed",
        message: "the Python environment could not be made: a line before / no solution found for capstan-not-there",
      },
    });
    expect(bench.notes).toContain("no solution found for capstan-not-there");
  });

  test("code by its path is refused, and a file that is not there is named", async () => {
    const bundle = bundleOf({ "requirements.txt": "-e .\n", "other.txt": "-r ../../secret.txt\n" });
    for (const [requirements, words] of [
      ["requirements.txt", /requirements.txt names -e \./],
      ["other.txt", /is not in the code bundle/],
    ] as const)
      await expect(run({ inline, environment: { kind: "venv", requirements } }, { bundle })).rejects.toThrow(words);
  });

  test("a version that this agent does not have is told; a lower one is met by what it has", async () => {
    await expect(run({ inline: "pass", environment: { version: "3.99" } })).rejects.toThrow(
      /asks for Python 3.99 or later/,
    );
    expect((await run({ inline: "print(1)", environment: { version: "3.9" } })).output).toBe("1\n");
  });

  const uv = findProgram("uv", path);
  test.skipIf(uv === undefined)(
    "uv makes the same from the same files",
    async () => {
      const { output } = await run({ inline, environment: { kind: "uv", ...offline } }, { bundle: sample("5.0") });
      expect(output).toBe("5.0 True\n");
    },
    120_000,
  );

  test.skipIf(uv !== undefined)("without uv on the agent an attempt waits for another one", async () => {
    await expect(run({ inline, environment: { kind: "uv" } })).rejects.toThrow(/interpreter_missing.*no uv/);
  });

  test("a package of the index is installed with its hash", async (context) => {
    const asked = spawnSync(
      python?.path ?? "",
      ["-m", "pip", "download", "-q", "--no-deps", "-d", bench.folder, "six==1.17.0"],
      {
        env: { PATH: path, HOME: home, LANG: "C.UTF-8" },
        timeout: 60_000,
        encoding: "utf8",
      },
    );
    if (asked.status !== 0) {
      context.skip(`pip reaches no index here: ${asked.stderr.trim().split("\n").at(-1) ?? ""}`);
      return;
    }
    const bundle = bundleOf({
      "requirements.txt":
        "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n",
    });
    const { output } = await run(
      { inline: "import six; print(six.__version__)", environment: { kind: "venv", requirements: "requirements.txt" } },
      { bundle },
    );
    expect(output).toBe("1.17.0\n");
  }, 180_000);
});

/** An environment without a Python: a folder behind a link, used so many minutes ago. */
function plant(root: string, digit: string, minutes: number): string {
  const name = digit.repeat(40);
  const real = join(root, `${name}.0000000${digit}`);
  mkdirSync(real, { recursive: true });
  symlinkSync(`${name}.0000000${digit}`, join(root, name));
  const at = new Date(Date.now() - minutes * 60_000);
  utimesSync(real, at, at);
  return name;
}

test("beyond the limit the least recently used goes, but none that was used just now", () => {
  const root = join(bench.folder, "evict");
  const [oldest, older, fresh] = [plant(root, "a", 300), plant(root, "b", 200), plant(root, "c", 1)];
  expect(evictEnvironments(root, 2, Date.now())).toEqual([oldest]);
  expect(evictEnvironments(root, 0, Date.now())).toEqual([older]);
  expect(readdirSync(root).filter((name) => name.startsWith("c"))).toEqual([fresh, `${fresh}.0000000c`]);
});

test.skipIf(process.platform !== "linux")("an environment that a process runs in stays", () => {
  const root = join(bench.folder, "busy");
  const name = plant(root, "d", 500);
  const real = join(root, readlinkSync(join(root, name)));
  const program = join(real, "sleep");
  symlinkSync("/bin/sleep", program);
  const removed = spawnSync("/bin/sh", ["-c", `${program} 30 & echo ready; read line; kill $!`], {
    input: "\n",
    encoding: "utf8",
    timeout: 10_000,
  });
  expect(removed.stdout).toContain("ready");
  expect(evictEnvironments(root, 0, Date.now())).toEqual([]);
});

test("a lock whose owner is dead is taken, and a build that fails leaves nothing", async () => {
  const root = join(bench.folder, "locks");
  mkdirSync(root);
  const name = "e".repeat(40);
  writeFileSync(join(root, `${name}.lock`), "999999999 1");
  const wish = { root, name, keep: 5 };
  const failing = { make: () => Promise.reject(new Error("no")) };
  await expect(
    obtainEnvironment({ ...wish, build: failing }, new AbortController().signal, () => undefined),
  ).rejects.toThrow("no");
  expect(readdirSync(root)).toEqual([]);
  const making = {
    make: async (folder: string) => {
      mkdirSync(folder);
    },
  };
  const real = await obtainEnvironment({ ...wish, build: making }, new AbortController().signal, () => undefined);
  expect(readdirSync(root).toSorted()).toEqual([name, real.slice(root.length + 1)]);
});
