import type { CanonicalTask, JsonObject } from "@capstan/proto";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";

const cached = (more: Partial<CanonicalTask> = {}): CanonicalTask =>
  script({ cache: {}, outputs: { n: { type: "integer" } }, ...more });
const found = { outputs: { n: 7 }, run: "test-1", runId: "11111111-1111-7111-8111-111111111111" };
const keyOf = (run: EngineFixture, key = "a"): string => {
  const { suspension } = run.task(key);
  return suspension?.kind === "cache" ? suspension.key : "";
};

test("a task with cache is queued, in no queue, with a timer that asks for its key", () => {
  const run = new EngineFixture({ tasks: { a: cached() } });
  expect(run.task("a")).toMatchObject({ state: "queued", attempts: 0, reason: { code: "limit_reached" } });
  expect(keyOf(run)).toMatch(/^[0-9a-f]{64}$/);
  expect([...run.timers]).toEqual([["0:cache", run.nowMs]]);
});

test("what was found ends it without an attempt, with a link and the flag cached, and is not kept again", () => {
  const run = new EngineFixture({
    tasks: { a: cached(), b: script({ needs: ["a"], if: { $expr: "tasks.a.cached && tasks.a.outputs.n == 7" } }) },
  });
  expect(run.deliver("a", "cache", found)).toEqual({ kind: "accepted" });
  expect(run.task("a")).toMatchObject({
    state: "succeeded",
    attempts: 0,
    outputs: { n: 7 },
    flags: { cached: { run: "test-1" } },
  });
  expect(run.states["b"]).toBe("dispatched");
  expect(run.timers.size).toBe(0);
  expect(run.cacheEnds).toEqual([]);
});

test("one that got the key works, keeps its result and leaves the key; a failure leaves it and keeps nothing", () => {
  const good = new EngineFixture({ tasks: { a: cached({ retry: { attempts: 2, delayMs: 0 } }) } });
  const key = keyOf(good);
  good.deliver("a", "cache", {});
  good.fail("a");
  expect(good.cacheEnds).toEqual([]);
  good.retry("a");
  good.finish("a", { outputs: { n: 1 } });
  expect(good.cacheEnds).toEqual([{ position: 0, key, kept: { outputs: { n: 1 }, files: [], ttlMs: 24 * 3_600_000 } }]);
  expect(good.task("a").flags).toBeUndefined();
  const bad = new EngineFixture({ tasks: { a: cached() } });
  bad.deliver("a", "cache", {});
  bad.fail("a");
  expect(bad.run.state).toBe("failed");
  expect(bad.cacheEnds).toEqual([{ position: 0, key }]);
});

test("one that waits for a holder says so, looks again by itself, and at once when the key is free", () => {
  const run = new EngineFixture({ tasks: { a: cached() } });
  run.deliver("a", "cache", { holder: { run: "test-3", task: "a" } });
  expect(run.task("a")).toMatchObject({
    state: "queued",
    reason: { code: "limit_reached", evidence: { limit: "cache", run: "test-3", task: "a" } },
  });
  expect(run.timers.get("0:cache")).toBe(run.nowMs + 10_000);
  expect(run.deliver("a", "cache_free")).toEqual({ kind: "accepted" });
  expect(run.timers.get("0:cache")).toBe(run.nowMs);
  run.deliver("a", "cache", {});
  expect(run.states).toEqual({ a: "dispatched" });
  expect(run.deliver("a", "cache", found)).toEqual({ kind: "duplicate" });
  expect(run.deliver("a", "cache_free")).toEqual({ kind: "duplicate" });
  expect(run.states).toEqual({ a: "dispatched" });
});

test("a cancel, a mark and a time that is up leave the key, also while it is only asked for", () => {
  const cancelled = new EngineFixture({ tasks: { a: cached() } });
  cancelled.cancel();
  expect(cancelled.run.state).toBe("cancelled");
  const marked = new EngineFixture({ tasks: { a: cached() } });
  marked.deliver("a", "cache", {});
  const mark = { state: "succeeded", actor: "ana", reason: "known", outputs: { n: 2 } } as const;
  marked.send({ kind: "mark_task", position: 0, mark });
  marked.finish("a", { outcome: "cancelled" });
  expect(marked.run.state).toBe("succeeded");
  const late = new EngineFixture({ tasks: { a: cached({ queueTimeoutMs: 60_000 }) } });
  late.deliver("a", "cache", { holder: {} });
  late.fire("queue_timeout", "a");
  expect(late.run.state).toBe("failed");
  for (const run of [cancelled, marked, late]) {
    expect(run.cacheEnds).toMatchObject([{ position: 0, key: expect.any(String) as string }]);
    expect(run.cacheEnds[0]).not.toHaveProperty("kept");
    expect(run.timers.size).toBe(0);
  }
});

test("in a paused run the cache answers, and an attempt waits for the run to go on", () => {
  const run = new EngineFixture({ tasks: { a: cached() } });
  run.send({ kind: "pause_run", actor: "ana", reason: "" });
  expect(run.task("a").reason?.code).toBe("limit_reached");
  run.deliver("a", "cache", {});
  expect(run.task("a")).toMatchObject({ state: "queued", reason: { code: "run_paused" } });
  run.send({ kind: "resume_run", actor: "ana" });
  expect(run.states).toEqual({ a: "dispatched" });
});

test("the indexes of a mapped task ask each for itself", () => {
  const run = new EngineFixture({ tasks: { a: cached({ forEach: [1, 2], with: { n: { $expr: "item" } } }) } });
  expect(run.indexStates("a")).toEqual(["queued", "queued"]);
  expect(keyOf(run, "a.0")).not.toBe(keyOf(run, "a.1"));
  run.deliver("a.0", "cache", found);
  run.deliver("a.1", "cache", {});
  run.finish("a.1", { outputs: { n: 2 } });
  expect(run.run.state).toBe("succeeded");
});

const key = (task: Partial<CanonicalTask>, inputs: JsonObject = {}): string =>
  keyOf(new EngineFixture({ inputs: { x: { type: "object" } }, tasks: { a: cached(task) } }, inputs));

test("without a key everything that its agent is given counts, a file by its bytes; with one, the key alone", () => {
  const file = (name: string, sha256: string): JsonObject => ({
    x: { $file: { name, sha256, size: 1, mediaType: "a" } },
  });
  const given = { with: { x: { $expr: "inputs.x" } }, env: { V: "1" } };
  const one = key(given, file("a.csv", "0".repeat(64)));
  expect(key(given, file("b.csv", "0".repeat(64)))).toBe(one);
  expect(key(given, file("a.csv", "1".repeat(64)))).not.toBe(one);
  expect(key({ ...given, env: { V: "2" } }, file("a.csv", "0".repeat(64)))).not.toBe(one);
  expect(key({ ...given, action: { run: { script: "false" } } }, file("a.csv", "0".repeat(64)))).not.toBe(one);
  expect(key({ ...given, cache: { scope: "project" } }, file("a.csv", "0".repeat(64)))).not.toBe(one);
  const own = { cache: { key: { $expr: "inputs.x.day" } } };
  expect(key({ ...own, env: { V: "1" } }, { x: { day: "mon" } })).toBe(
    key({ ...own, env: { V: "2" } }, { x: { day: "mon" } }),
  );
  expect(key(own, { x: { day: "mon" } })).not.toBe(key(own, { x: { day: "tue" } }));
});

test("which attempt it is makes no difference, and a key that cannot be made fails the task", () => {
  expect(key({ env: { N: { $expr: "attempt.number" } } })).not.toBe("");
  const run = new EngineFixture({ tasks: { a: cached({ cache: { key: { $expr: "inputs.none" } } }) } });
  expect(run.task("a")).toMatchObject({ state: "failed", failure: { code: "expression_failed" } });
});
