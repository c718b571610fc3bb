// Warm interpreters in a real runner, with the product's executors: what attempts share, and what they must not.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CanonicalTask, CanonicalWorkflow, JsonObject, OfferedAttempt } from "@capstan/proto";
import { findPython } from "./execute/kind/index.ts";
import { isAlive, makeAgentFixture, runnersOf, until, type AgentFixture } from "./testing/agent-fixture.ts";

const python = await findPython(process.env["PATH"] ?? "", process.env["HOME"] ?? "/");

let fixture: AgentFixture;
beforeAll(async () => {
  fixture = await makeAgentFixture();
  await fixture.start({ runnerEntry: new URL("./runner/main.ts", import.meta.url) });
}, 60_000);
afterAll(async () => {
  await fixture.dispose();
}, 60_000);

const pidOnly: CanonicalTask["outputs"] = { pid: { type: "integer" } };
const outputs: CanonicalTask["outputs"] = { ...pidOnly, seen: { type: "object" } };
const node = (inline: string, more: Partial<CanonicalTask> = {}): CanonicalTask => ({
  needs: [],
  outputs: pidOnly,
  action: { node: { inline, warm: true } },
  ...more,
});
const inPython = (inline: string, declared = outputs): CanonicalTask => ({
  needs: [],
  outputs: declared,
  action: { python: { inline, warm: true } },
});

let versions = 0;

/** A version with these tasks. Another version is never carried by the same interpreter. */
function versionOf(tasks: Readonly<Record<string, CanonicalTask>>) {
  const { fake } = fixture;
  const document: CanonicalWorkflow = {
    version: 1,
    name: "w",
    description: String(++versions),
    tasks,
  };
  const digest = fake.addDocument(document);
  const begin = (task: string, more: Partial<OfferedAttempt> = {}): string => fake.offer(digest, task, more)[0] ?? "";
  const ended = async (attempt: string) => {
    await until(() => fake.finishOf(attempt) !== undefined, 20_000);
    const finish = fake.finishOf(attempt);
    return { ...finish, outputs: finish?.outputs ?? {} };
  };
  return {
    fake,
    begin,
    ended,
    run: async (task: string, more?: Partial<OfferedAttempt>) => await ended(begin(task, more)),
  };
}

const tell = `export default async ({ input, env }) => {
  globalThis.count = (globalThis.count ?? 0) + 1;
  console.log("out of " + input.word); console.error("err of " + input.word);
  return { pid: process.pid, seen: { count: globalThis.count, leaked: env.LEAK ?? null, word: env.WORD, cwd: process.cwd(), id: env.CAPSTAN_ATTEMPT_ID } };
}`;
const word: Partial<CanonicalTask> = {
  outputs,
  with: { word: { $expr: "inputs.word" } },
  env: { WORD: { $expr: "inputs.word" } },
};
const say = (text: string): Partial<OfferedAttempt> => ({ inputs: { inputs: { word: text } } });

describe.skipIf(process.platform !== "linux")("on Linux", () => {
  test("attempts follow each other in one interpreter, each with its own log, folder and environment", async () => {
    const { fake, begin, ended } = versionOf({
      a: node(`${tell}`, word),
      b: node("process.env.LEAK = 'x'; export default () => { process.env.LEAK = 'y'; return { pid: process.pid }; }"),
    });
    const seen: JsonObject[] = [];
    for (const text of ["one", "two", "three"]) {
      const attempt = begin("a", say(text));
      const finish = await ended(attempt);
      expect(finish.outcome).toBe("succeeded");
      seen.push(finish.outputs);
      await until(() => fake.completeLogs.has(attempt));
      const log = fake.logOf(attempt).toString();
      expect(log.match(/(out|err) of \w+/g)?.toSorted()).toEqual([`err of ${text}`, `out of ${text}`]);
      expect(seen.at(-1)?.["seen"]).toMatchObject({ word: text, leaked: null, id: attempt });
      const other = await ended(begin("b"));
      expect(other.outputs["pid"]).toBe(seen[0]?.["pid"]);
    }
    expect(new Set(seen.map(({ pid }) => pid)).size).toBe(1);
    expect(seen.map(({ seen: given }) => (given as JsonObject)["count"])).toEqual([1, 2, 3]);
  }, 60_000);

  test("attempts at the same time have an interpreter each", async () => {
    const { begin, ended } = versionOf({
      slow: node(
        "export default async () => { await new Promise((r) => setTimeout(r, 300)); return { pid: process.pid }; }",
      ),
    });
    const pids = await Promise.all(
      [begin("slow"), begin("slow")].map(async (one) => (await ended(one)).outputs["pid"]),
    );
    expect(new Set(pids).size).toBe(2);
  }, 60_000);

  const after: readonly [string, string, string][] = [
    ["a failure", "throw new Error('no')", "failed"],
    [
      "a rejection that nobody handles",
      "Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 50))",
      "failed",
    ],
    ["an end of its own", "process.exit(0)", "failed"],
    [
      "a process left behind",
      "(await import('node:child_process')).spawn('sleep', ['60'], { detached: true, stdio: 'ignore' }).unref()",
      "succeeded",
    ],
    ["a descriptor left open", "(await import('node:fs')).openSync('/dev/null')", "succeeded"],
    ["too much memory", "globalThis.kept = Array.from({ length: 40 }, () => Buffer.alloc(1 << 23, 1))", "succeeded"],
  ];
  test.each(after)(
    "after %s the next attempt gets another interpreter",
    async (_, code, outcome) => {
      const { run } = versionOf({
        pid: node("export default () => ({ pid: process.pid })"),
        it: node(`export default async () => { ${code}; return { pid: process.pid }; }`),
      });
      const first = await run("pid");
      expect(await run("it")).toMatchObject({ outcome });
      const next = await run("pid");
      expect([first.outcome, next.outcome]).toEqual(["succeeded", "succeeded"]);
      expect(next.outputs["pid"]).not.toBe(first.outputs["pid"]);
      await until(() => !isAlive(Number(first.outputs["pid"])));
    },
    60_000,
  );

  test("after a hundred attempts another interpreter goes on, which was started while the first was in use", async () => {
    const { run } = versionOf({
      it: node(
        "export default () => ({ pid: process.pid, seen: { bornMs: performance.timeOrigin, nowMs: Date.now() } })",
        { outputs },
      ),
    });
    const seen: { pid: number; bornMs: number; nowMs: number }[] = [];
    while (new Set(seen.map(({ pid }) => pid)).size < 2 && seen.length < 110) {
      const { outputs: given } = await run("it");
      seen.push({ pid: given["pid"], ...(given["seen"] as object) } as (typeof seen)[number]); // as the task returned it
    }
    const [first, second] = [seen.filter(({ pid }) => pid === seen[0]?.pid), seen.at(-1)];
    expect(first.length).toBeLessThanOrEqual(100);
    expect(second?.pid).not.toBe(first[0]?.pid);
    expect(second?.bornMs).toBeLessThan(first.at(-1)?.nowMs ?? 0);
  }, 60_000);

  test("a cancel kills the interpreter with what it has started, within the grace", async () => {
    const { fake, begin, ended, run } = versionOf({
      pid: node("export default () => ({ pid: process.pid })"),
      stuck: node(
        "import { spawn } from 'node:child_process'; export default () => { const child = spawn('sleep', ['61']); console.log('pids', process.pid, child.pid); for (;;); }",
      ),
    });
    const first = await run("pid");
    const attempt = begin("stuck");
    const pids = (): number[] => (/pids (\d+) (\d+)/.exec(fake.logOf(attempt).toString()) ?? []).slice(1).map(Number);
    await until(() => pids().length === 2, 20_000);
    expect(pids()[0]).toBe(first.outputs["pid"]);
    fake.send("cancel", { attempt: attempt as OfferedAttempt["attempt"], epoch: 1, reason: "cancelled", graceMs: 300 });
    expect(await ended(attempt)).toMatchObject({ outcome: "cancelled" });
    expect(pids().filter(isAlive)).toEqual([]);
  }, 60_000);

  test("a timeout counts in a warm interpreter too", async () => {
    const { run } = versionOf({ stuck: node("export default () => { for (;;); }") });
    expect(await run("stuck", { timeoutMs: 500, graceMs: 100 })).toMatchObject({ outcome: "timed_out" });
  }, 60_000);

  test("other secrets, or warm left out, is another interpreter", async () => {
    const { run } = versionOf({
      a: node("export default () => ({ pid: process.pid })"),
      cold: {
        needs: [],
        outputs: pidOnly,
        action: { node: { inline: "export default () => ({ pid: process.pid })" } },
      },
    });
    const [first, cold, again] = [await run("a"), await run("cold"), await run("a")];
    expect(again.outputs["pid"]).toBe(first.outputs["pid"]);
    expect(cold.outputs["pid"]).not.toBe(first.outputs["pid"]);
    expect((await run("a", { secrets: ["KEY"] })).outputs["pid"]).not.toBe(first.outputs["pid"]);
  }, 60_000);

  test.skipIf(python === undefined)(
    "Python goes on in the same way, and an exit code other than 0 ends it",
    async () => {
      const { fake, begin, ended, run } = versionOf({
        a: inPython(
          "import os, sys, builtins\ndef main():\n    builtins.n = getattr(builtins, 'n', 0) + 1\n    print('n is', builtins.n)\n    os.environ['LEAK'] = 'x' if builtins.n == 1 else os.environ.get('LEAK', 'none')\n    return {'pid': os.getpid(), 'seen': {'n': builtins.n, 'leak': os.environ['LEAK']}}",
        ),
        exit: inPython("import sys\nsys.exit(3)"),
      });
      const first = await run("a");
      const attempt = begin("a");
      const second = await ended(attempt);
      expect([first.outputs, second.outputs]).toMatchObject([
        { seen: { n: 1 } },
        { seen: { n: 2, leak: "none" }, pid: first.outputs["pid"] ?? 0 },
      ]);
      await until(() => fake.completeLogs.has(attempt));
      expect(
        fake
          .logOf(attempt)
          .toString()
          .match(/n is \d/g),
      ).toEqual(["n is 2"]);
      expect(await run("exit")).toMatchObject({ outcome: "failed", exitCode: 3 });
      expect((await run("a")).outputs["pid"]).not.toBe(first.outputs["pid"]);
    },
    60_000,
  );

  test("between attempts it is stopped, and a dead runner leaves none behind", async () => {
    const { run } = versionOf({
      pid: node("setInterval(() => {}, 10); export default () => ({ pid: process.pid })"),
    });
    const { outputs: given } = await run("pid");
    const pid = Number(given["pid"]);
    await until(() => /\) T /.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
    const [runner = 0] = runnersOf(fixture.dataDir);
    process.kill(runner, "SIGKILL");
    await until(() => !isAlive(pid));
    // Another runner takes its place when everything of this one is gone.
    await until(() => runnersOf(fixture.dataDir).some((one) => one !== runner), 20_000);
    expect(runnersOf(fixture.dataDir)).not.toContain(runner);
  }, 60_000);
});
