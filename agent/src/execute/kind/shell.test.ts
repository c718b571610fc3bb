import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { CanonicalTask } from "@capstan/proto";
import type { Prepared } from "../executor.ts";
import { createExecutors } from "./index.ts";
import { settingsFrom } from "./config.ts";
import { openBench, runPrepared, type BenchOptions } from "./testing.ts";

const bench = openBench();
afterAll(() => bench.end());
const executor = createExecutors(
  settingsFrom({ PATH: process.env["PATH"], HOME: "/", CAPSTAN_SECRET_TOKEN: "s3cret-value", AGENT_ONLY: "x" }),
)["run"];

async function prepare(
  task: Omit<CanonicalTask, "needs" | "action"> & { script: string },
  more?: BenchOptions,
): Promise<Prepared> {
  if (executor === undefined) throw new Error("no executor");
  const { script, ...rest } = task;
  return await executor.prepare(bench.context({ ...rest, action: { run: { script } } }, more));
}
const run = async (task: Parameters<typeof prepare>[0], more?: BenchOptions) =>
  await runPrepared(await prepare(task, more));

test("lines become outputs of the declared types", async () => {
  const { finished } = await run(
    {
      script:
        'echo "text=hello, $NAME" >> "$CAPSTAN_OUTPUTS"\necho rows=7 >> "$CAPSTAN_OUTPUTS"\nprintf "list<<X\\n[1,\\n2]\\nX\\nok=true\\n" >> "$CAPSTAN_OUTPUTS"',
      env: { NAME: { $expr: "inputs.name" } },
      outputs: {
        text: { type: "string" },
        rows: { type: "integer" },
        list: { type: "array" },
        ok: { type: "boolean" },
      },
    },
    { inputs: { inputs: { name: "world" } } },
  );
  expect(finished).toMatchObject({
    outcome: "succeeded",
    exitCode: 0,
    outputs: { text: "hello, world", rows: 7, list: [1, 2], ok: true },
  });
});

test("what a value holds is never read by the shell", async () => {
  const evil = "$(touch marker); `touch marker` '\"; touch marker\n-rf";
  const { finished, output } = await run(
    { script: 'printf "%s" "$V"; ls', env: { V: { $expr: "inputs.v" } } },
    { inputs: { inputs: { v: evil } } },
  );
  expect(finished.outcome).toBe("succeeded");
  expect(output).toBe(evil);
});

test("the first failing command ends the script, also within a pipe", async () => {
  const { finished, output } = await run({ script: "false | cat\necho never" });
  expect(finished).toMatchObject({ outcome: "failed", exitCode: 1, failure: { class: "error", code: "exit" } });
  expect(output).not.toContain("never");
});

test("exit 75 asks for another try and exit 77 for a skip", async () => {
  expect((await run({ script: "exit 75" })).finished).toMatchObject({
    outcome: "failed",
    retryable: true,
    exitCode: 75,
  });
  expect((await run({ script: "exit 77" })).finished).toMatchObject({ outcome: "succeeded", skip: true });
});

test("a signal is named, also where the shell reports it as 128 and more", async () => {
  expect((await run({ script: "kill -SEGV $$" })).finished).toMatchObject({
    failure: { code: "signal", signal: "SIGSEGV" },
  });
  expect((await run({ script: "sh -c 'kill -ABRT $$' || exit $?" })).finished).toMatchObject({
    failure: { code: "signal", signal: "SIGABRT" },
  });
});

test("the error file names type, message and the task's word; after exit 0 it is ignored", async () => {
  const error = `echo '{"type":"Quota","message":"full","retryable":false,"retryAfterMs":5000}' > "$CAPSTAN_ERROR"; `;
  expect((await run({ script: `${error} exit 3` })).finished).toMatchObject({
    outcome: "failed",
    exitCode: 3,
    retryable: false,
    retryAfterMs: 5000,
    failure: { type: "Quota", message: "full" },
  });
  expect((await run({ script: error })).finished.outcome).toBe("succeeded");
});

test("plain words in the error file are the message", async () => {
  const { finished } = await run({ script: 'echo "out of paper" > "$CAPSTAN_ERROR"; exit 3' });
  expect(finished).toMatchObject({
    outcome: "failed",
    exitCode: 3,
    failure: { code: "exit", message: "out of paper" },
  });
});

const bad: readonly (readonly [string, string, string])[] = [
  ["text that is no JSON", 'echo "{oops" > "$CAPSTAN_OUTPUTS"', "output_invalid"],
  ["a missing output", "true", "output_missing"],
  ["a word for a number", 'echo rows=abc > "$CAPSTAN_OUTPUTS"', "output_invalid"],
  ["a key twice", 'echo "{\\"rows\\":1,\\"rows\\":2}" > "$CAPSTAN_OUTPUTS"', "output_invalid"],
  ["a line twice", 'printf "rows=1\\nrows=2\\n" > "$CAPSTAN_OUTPUTS"', "output_invalid"],
  ["257 KiB", 'head -c 263168 /dev/zero | tr "\\0" a > "$CAPSTAN_OUTPUTS"', "output_too_large"],
  ["a link to a foreign file", 'ln -s /etc/passwd "$CAPSTAN_OUTPUTS"', "output_invalid"],
  ["a FIFO", 'mkfifo "$CAPSTAN_OUTPUTS"', "output_invalid"],
];
for (const [what, script, code] of bad) {
  test(`${what} in the outputs fails as ${code} without a word on retries`, async () => {
    const { finished } = await run({ script, outputs: { rows: { type: "integer" } } });
    expect(finished).toMatchObject({ outcome: "failed", failure: { class: "output", code } });
    expect(finished.retryable).toBeUndefined();
  });
}

test("files of the task are stored by digest, by name, by value and by pattern", async () => {
  const { finished } = await run({
    script:
      'echo a > "$CAPSTAN_OUT_DIR/a.csv"; mkdir -p out; echo b > out/b.pdf; echo "one=a.csv" > "$CAPSTAN_OUTPUTS"',
    outputs: { one: { type: "file" }, two: { type: "file", path: "out/*.pdf" } },
  });
  expect(finished.outputs).toEqual({
    one: {
      $file: {
        name: "a.csv",
        size: 2,
        sha256: "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7",
        mediaType: "text/csv",
      },
    },
    two: {
      $file: {
        name: "b.pdf",
        size: 2,
        sha256: "0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f",
        mediaType: "application/pdf",
      },
    },
  });
});

const escapes: readonly (readonly [string, string])[] = [
  ["a path with ..", "f=../../etc/passwd"],
  ["an absolute path elsewhere", "f=/etc/passwd"],
  ["a link", "f=link"],
  ["a folder that is a link", "f=dir/passwd"],
];
for (const [what, line] of escapes) {
  test(`an output that names ${what} is refused`, async () => {
    const { finished } = await run({
      script: `ln -s /etc/passwd "$CAPSTAN_OUT_DIR/link"; ln -s /etc "$CAPSTAN_OUT_DIR/dir"; echo '${line}' > "$CAPSTAN_OUTPUTS"`,
      outputs: { f: { type: "file" } },
    });
    expect(finished).toMatchObject({ outcome: "failed", failure: { code: "output_invalid" } });
  });
}

test("a secret reaches the task by env and by file, the inputs file holds its mark only, and all is gone afterwards", async () => {
  if (executor === undefined) throw new Error("no executor");
  const context = bench.context(
    {
      action: {
        run: {
          script:
            'cat "$CAPSTAN_SECRETS_DIR/TOKEN"; echo "/$T"; cat "$CAPSTAN_INPUTS"; stat -c %a "$CAPSTAN_SECRETS_DIR/TOKEN"',
        },
      },
      env: { T: { $expr: "secrets.TOKEN" } },
      with: { token: { $expr: "secrets.TOKEN" } },
    },
    { secrets: { TOKEN: "env:CAPSTAN_SECRET_TOKEN" } },
  );
  const prepared = await executor.prepare(context);
  if (prepared.kind !== "process") throw new Error(JSON.stringify(prepared));
  expect(bench.masked).toContain("s3cret-value");
  expect(prepared.argv.join(" ")).not.toContain("s3cret-value");
  const folder = prepared.env["CAPSTAN_SECRETS_DIR"] ?? "";
  const { output } = await runPrepared(prepared);
  expect(output).toBe('s3cret-value/s3cret-value\n{"token":{"$secret":"TOKEN"}}400\n');
  await executor.release?.(context);
  expect(existsSync(folder)).toBe(false);
});

test("a secret that the agent does not allow ends the attempt before it starts, and its value is not looked at", async () => {
  const prepared = await prepare(
    { script: "true", env: { X: { $expr: "secrets.X" } } },
    { secrets: { X: "env:AGENT_ONLY" } },
  );
  expect(prepared).toMatchObject({
    kind: "failed",
    retryable: false,
    failure: { class: "policy", code: "policy_denied" },
  });
});

test("nothing of the agent's environment reaches a task", async () => {
  const { output } = await run({ script: "env" });
  expect(output).not.toMatch(/AGENT_ONLY|CAPSTAN_SECRET_TOKEN/);
  expect(output).toMatch(/^TRACEPARENT=00-/m);
  expect(output).toMatch(/^CAPSTAN_EPOCH=1$/m);
});

test("a missing value in an expression fails the attempt as expression_failed", async () => {
  const prepared = await prepare(
    { script: "true", env: { X: { $expr: "inputs.nothing" } } },
    { inputs: { inputs: {} } },
  );
  expect(prepared).toMatchObject({
    kind: "failed",
    retryable: false,
    failure: { class: "expression", code: "expression_failed" },
  });
});

test("the folder of an attempt and its files are for its user alone", async () => {
  const prepared = await prepare({ script: "true", with: { a: 1 } });
  if (prepared.kind !== "process") throw new Error("not prepared");
  const root = dirname(prepared.cwd);
  expect(statSync(root).mode & 0o777).toBe(0o700);
  expect(readFileSync(`${root}/script.sh`, "utf8")).toBe("true");
  expect(statSync(`${root}/inputs.json`).mode & 0o777).toBe(0o600);
});
