import type { CanonicalTask, JsonValue } from "@capstan/proto";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import { offerContext } from "./context.ts";
import { isSettled, nameAt } from "./snapshot.ts";

const each = (forEach: NonNullable<CanonicalTask["forEach"]>, more: Partial<CanonicalTask> = {}) =>
  script({ forEach, ...more });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Ends every index that has an attempt, until none has; those named fail. */
function finishAll(run: EngineFixture, key: string, failing: readonly number[] = []): void {
  for (let found = true; found;) {
    found = false;
    run.indexStates(key).forEach((state, index) => {
      if (state !== "dispatched") return;
      found = true;
      if (failing.includes(index)) run.fail(`${key}.${index}`);
      else run.finish(`${key}.${index}`, { outputs: {} });
    });
  }
}

test("a mapped task has one task run per item, at most maxParallel at once, and ends when all have", () => {
  const run = new EngineFixture({ tasks: { a: each(numbers(5), { maxParallel: 2 }), b: script({ needs: ["a"] }) } });
  expect(run.states).toEqual({ a: "running", b: "waiting" });
  expect(run.indexStates("a")).toEqual(["dispatched", "dispatched", "-", "-", "-"]);
  run.finish("a.1");
  expect(run.indexStates("a")).toEqual(["dispatched", "succeeded", "dispatched", "-", "-"]);
  finishAll(run, "a");
  expect(run.states).toEqual({ a: "succeeded", b: "dispatched" });
  run.finish("b");
  expect(run.run.state).toBe("succeeded");
  expect(isSettled(run.run)).toBe(true);
});

test("73 · an empty list succeeds with no results", () => {
  const run = new EngineFixture({
    tasks: { a: each([]) },
    outputs: { results: { value: { $expr: "tasks.a.results" } }, counts: { value: { $expr: "tasks.a.counts" } } },
  });
  expect(run.run).toMatchObject({
    state: "succeeded",
    outputs: { results: [], counts: { total: 0, succeeded: 0, failed: 0, skipped: 0, cancelled: 0 } },
  });
});

test("74 · ten items, two fail, 80% is enough: the task and the run succeed, with two null", () => {
  const run = new EngineFixture({
    tasks: { a: each(numbers(10), { minSuccess: "80%", outputs: { n: { type: "integer" } } }) },
    outputs: { results: { value: { $expr: "tasks.a.results" } } },
  });
  for (const index of numbers(10)) {
    if (index === 3 || index === 7) run.fail(`a.${index}`);
    else run.finish(`a.${index}`, { outputs: { n: index } });
  }
  expect(run.states["a"]).toBe("succeeded");
  expect(run.run.state).toBe("succeeded");
  expect(run.run.outputs?.["results"]).toEqual(
    numbers(10).map((index): JsonValue => (index === 3 || index === 7 ? null : { n: index })),
  );
});

test("75 · with failFast the third failure of ten with 80% cancels the others, and the run fails by the first", () => {
  const run = new EngineFixture({
    tasks: { a: each(numbers(10), { minSuccess: "80%", failFast: true, maxParallel: 4 }) },
  });
  run.fail("a.2");
  run.fail("a.1");
  expect(run.states["a"]).toBe("running");
  run.fail("a.4");
  expect(run.indexStates("a")).toEqual([
    "cancelling",
    "failed",
    "failed",
    "cancelling",
    "failed",
    "cancelling",
    "-",
    "-",
    "-",
    "-",
  ]);
  for (const index of [0, 3, 5]) run.finish(`a.${index}`);
  expect(run.states["a"]).toBe("failed");
  expect(run.run).toMatchObject({ state: "failed", failure: { task: "a", index: 2, attempt: 1, code: "exit" } });
  expect(run.run.failure?.message).toBe("3 of 10 indexes failed, the first a.2: exit code 1");
});

test("76 · in a chain b.3 waits only for a.3, and is skipped alone where that failed", () => {
  const run = new EngineFixture({
    tasks: { a: each(numbers(5)), b: script({ forEach: { chain: "a" }, needs: ["a"] }) },
  });
  expect(run.indexStates("b")).toEqual(["-", "-", "-", "-", "-"]);
  run.finish("a.4");
  expect(run.indexStates("b")).toEqual(["-", "-", "-", "-", "dispatched"]);
  run.fail("a.3");
  expect(run.indexStates("b")).toEqual(["-", "-", "-", "skipped", "dispatched"]);
  expect(run.task("b.3").reason).toEqual({ code: "skipped_by_need", evidence: { need: "a.3", state: "failed" } });
  finishAll(run, "a");
  finishAll(run, "b");
  expect(run.states).toEqual({ a: "failed", b: "succeeded" });
  expect(run.run).toMatchObject({ state: "failed", failure: { task: "a", index: 3 } });
});

test("a chain has the items of the task before it, and what the same index of it gave", () => {
  const run = new EngineFixture({
    tasks: {
      a: each(["x", "y"], { outputs: { n: { type: "integer" } } }),
      b: script({
        forEach: { chain: "a" },
        needs: ["a"],
        with: { item: { $expr: "item" }, n: { $expr: "prev.outputs.n" }, at: { $expr: "index" } },
      }),
    },
  });
  run.finish("a.1", { outputs: { n: 7 } });
  const position = run.position("b.1");
  const planTask = run.run.plan.tasks[run.position("b")];
  if (planTask === undefined) throw new Error("b is planned");
  expect(
    offerContext(run.run, planTask, position, {
      nowMs: 0,
      incarnation: 1,
      publicUrl: "",
      newId: () => "",
    }),
  ).toEqual({ item: "y", index: 1, prev: { state: "succeeded", outputs: { n: 7 } } });
  expect(nameAt(run.run, position)).toBe("b.1");
});

test("77 · a matrix is a product: keys in alphabetical order, the last varies fastest; less exclude, then include", () => {
  const run = new EngineFixture({ tasks: { a: script({ matrix: { b: [1, 2], a: ["x", "y"] } }) } });
  expect(run.task("a").map?.items).toEqual([
    { a: "x", b: 1 },
    { a: "x", b: 2 },
    { a: "y", b: 1 },
    { a: "y", b: 2 },
  ]);
  const more = new EngineFixture({
    tasks: { a: script({ matrix: { b: [1, 2], a: ["x", "y"], exclude: [{ a: "x", b: 2 }], include: [{ a: "z" }] } }) },
  });
  expect(more.task("a").map?.items).toEqual([{ a: "x", b: 1 }, { a: "y", b: 1 }, { a: "y", b: 2 }, { a: "z" }]);
});

test("78 · 10,001 items fail the task by name, and no index begins", () => {
  const run = new EngineFixture({ tasks: { a: each(numbers(10_001)) } });
  expect(run.run).toMatchObject({ state: "failed", failure: { task: "a", code: "item_limit" } });
  expect(run.indexStates("a")).toEqual([]);
});

test("a run has at most 50,000 task runs: the mapped task that would be above fails", () => {
  const tasks = Object.fromEntries(
    numbers(6).map((n) => [`t${n}`, each({ $expr: "range(10000)" }, { allowFailure: true })]),
  );
  const run = new EngineFixture({ tasks });
  const failed = numbers(6).filter((n) => run.states[`t${n}`] === "failed");
  expect(failed.length).toBe(2);
  expect(run.task(`t${failed[0]}`).failure?.code).toBe("item_limit");
});

test("a list that is none fails the task with its type, and one that fails with its expression", () => {
  const wrong = new EngineFixture({ tasks: { a: each({ $expr: "inputs.x" }) } }, { x: { y: 1 } });
  expect(wrong.run.failure).toMatchObject({
    code: "expression_failed",
    message: "forEach needs a list, and this is a map",
  });
  const missing = new EngineFixture({ tasks: { a: each({ $expr: "inputs.x" }) } });
  expect(missing.run.failure).toMatchObject({ code: "expression_failed" });
});

test("an if that names the item is asked for each index; all skipped is skipped", () => {
  const even = new EngineFixture({ tasks: { a: each(numbers(4), { if: { $expr: "item % 2 == 0" } }) } });
  expect(even.indexStates("a")).toEqual(["dispatched", "skipped", "dispatched", "skipped"]);
  finishAll(even, "a");
  expect(even.states["a"]).toBe("succeeded");
  const none = new EngineFixture({
    tasks: { a: each(numbers(3), { if: { $expr: "item > 5" } }), b: script({ needs: ["a"] }) },
  });
  expect(none.states).toEqual({ a: "skipped", b: "skipped" });
  expect(none.run.state).toBe("succeeded");
});

test("an if that does not name the item is asked once, before the list", () => {
  const run = new EngineFixture(
    { tasks: { a: each({ $expr: "inputs.gone" }, { if: { $expr: "inputs.go" } }) } },
    { go: false },
  );
  expect(run.states["a"]).toBe("skipped");
});

test("the cancel of a group stops what has begun, and what has not never begins", () => {
  const run = new EngineFixture({ tasks: { a: each(numbers(4), { maxParallel: 2 }), b: script({ needs: ["a"] }) } });
  run.send({ kind: "cancel_task", position: run.position("a"), actor: "ana", reason: "enough" });
  expect(run.states["a"]).toBe("cancelling");
  expect(run.indexStates("a")).toEqual(["cancelling", "cancelling", "-", "-"]);
  run.finish("a.0");
  run.finish("a.1");
  expect(run.indexStates("a")).toEqual(["cancelled", "cancelled", "-", "-"]);
  expect(run.states).toEqual({ a: "cancelled", b: "skipped" });
  expect(run.run.state).toBe("cancelled");
});

test("the cancel of a run ends its groups; the cancel of one index ends that one", () => {
  const run = new EngineFixture({ tasks: { a: each(numbers(3), { maxParallel: 2, minSuccess: 1 }) } });
  run.send({ kind: "cancel_task", position: run.position("a.0"), actor: "ana", reason: "wrong" });
  run.finish("a.0");
  expect(run.indexStates("a")).toEqual(["cancelled", "dispatched", "dispatched"]);
  run.cancel();
  run.finish("a.1");
  run.finish("a.2");
  expect(run.run.state).toBe("cancelled");
  expect(run.states["a"]).toBe("cancelled");
});

test("an index that waits for its next try gives its place to another, and has its turn when one is free", () => {
  const run = new EngineFixture({
    tasks: { a: each(numbers(3), { maxParallel: 1, retry: { attempts: 2, delayMs: 1000, jitter: 0 } }) },
  });
  run.fail("a.0");
  expect(run.indexStates("a")).toEqual(["retrying", "dispatched", "-"]);
  run.retry("a.0");
  expect(run.indexStates("a")).toEqual(["retrying", "dispatched", "-"]);
  expect(run.task("a.0").reason).toEqual({ code: "limit_reached", evidence: { limit: "maxParallel", max: 1 } });
  run.finish("a.1");
  expect(run.indexStates("a")).toEqual(["dispatched", "succeeded", "-"]);
  run.finish("a.0");
  run.finish("a.2");
  expect(run.run.state).toBe("succeeded");
});

test("an index that was told twice that its wait is over has the whole wait before the try after that", () => {
  const run = new EngineFixture({
    tasks: { a: each(numbers(3), { maxParallel: 1, retry: { attempts: 3, delayMs: 1000, jitter: 0 } }) },
  });
  run.fail("a.0");
  run.retry("a.0");
  run.retry("a.0"); // by another replica, too late
  run.finish("a.1");
  run.fail("a.0");
  expect(run.indexStates("a")).toEqual(["retrying", "succeeded", "dispatched"]);
  expect(run.task("a.0").reason?.code).toBe("retry_backoff");
});

test("a task that would be given more of other tasks than an offer carries fails by that, before any agent has it", () => {
  const run = new EngineFixture({
    tasks: {
      a: each(numbers(3), { outputs: { text: { type: "string" } } }),
      b: script({ needs: ["a"], with: { all: { $expr: "tasks.a.results" } } }),
    },
  });
  for (const index of numbers(3)) run.finish(`a.${index}`, { outputs: { text: "x".repeat(100 * 1024) } });
  expect(run.task("b")).toMatchObject({ state: "failed", attempts: 0, failure: { code: "expression_failed" } });
  expect(run.task("b").failure?.message).toContain("let the others write files");
});

test("counts tell of indexes that never began that they were cancelled", () => {
  const run = new EngineFixture({
    tasks: { a: each(numbers(5), { maxParallel: 1, failFast: true, allowFailure: true }) },
    outputs: { counts: { value: { $expr: "tasks.a.counts" } } },
  });
  run.finish("a.0");
  run.fail("a.1");
  expect(run.run.outputs).toEqual({ counts: { total: 5, succeeded: 1, failed: 1, skipped: 0, cancelled: 3 } });
});

test("the outputs of all indexes together are bounded, so that results fit in memory", () => {
  const run = new EngineFixture({
    tasks: { a: each(numbers(68), { minSuccess: 1, outputs: { text: { type: "string" } } }) },
  });
  const text = "x".repeat(250 * 1024);
  for (const index of numbers(68)) run.finish(`a.${index}`, { outputs: { text } });
  expect(run.indexStates("a").indexOf("failed")).toBe(65);
  expect(run.task("a.67").failure?.code).toBe("output_too_large");
});
