import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import type { Mark } from "./marked.ts";

const needs = (...keys: string[]) => script({ needs: keys });
const mark = (run: EngineFixture, key: string, more: Partial<Mark> & Pick<Mark, "state">) =>
  run.send({
    kind: "mark_task",
    position: run.position(key),
    mark: { actor: "ana", reason: "I know better", ...more },
  });

test("a waiting task ends as a person says, and what needs it follows", () => {
  const run = new EngineFixture({ tasks: { a: script(), b: needs("a"), c: needs("b"), d: needs("b") } });
  expect(mark(run, "b", { state: "succeeded" })).toEqual({ kind: "accepted" });
  expect(run.states).toMatchObject({ a: "dispatched", b: "succeeded", c: "dispatched" });
  mark(run, "d", { state: "skipped" });
  run.finish("a");
  run.finish("c");
  run.finish("d");
  expect(run.run.state).toBe("succeeded");
  expect(run.task("b").flags?.marked).toEqual({ actor: "ana", reason: "I know better" });
  expect(run.history.filter((item) => item.type === "task.marked")).toHaveLength(2);
});

test("a live attempt is stopped first, whatever it says then, and the record of it stays", () => {
  const run = new EngineFixture({ tasks: { a: script(), b: needs("a") } });
  run.begin("a");
  mark(run, "a", { state: "skipped" });
  expect(run.states["a"]).toBe("cancelling");
  expect(mark(run, "a", { state: "skipped" })).toEqual({ kind: "duplicate" });
  expect(mark(run, "a", { state: "failed" })).toMatchObject({ kind: "refused", state: "cancelling" });
  run.finish("a");
  expect(run.states).toEqual({ a: "skipped", b: "skipped" });
  expect(run.task("a").reason).toMatchObject({ code: "skipped_by_mark", evidence: { by: "ana" } });
  expect(run.run.state).toBe("succeeded");
});

test("a mark of a task whose agent is silent ends it when its lease is over", () => {
  const run = new EngineFixture({ tasks: { a: script() } });
  run.begin("a");
  mark(run, "a", { state: "succeeded" });
  run.lose("a");
  expect(run.run.state).toBe("succeeded");
});

test("a cancel of the run that comes after a mark wins", () => {
  const run = new EngineFixture({ tasks: { a: script() } });
  run.begin("a");
  mark(run, "a", { state: "succeeded" });
  run.cancel();
  run.finish("a");
  expect(run.states["a"]).toBe("cancelled");
  expect(run.run.state).toBe("cancelled");
});

test("marked as failed is a failure with the person's word, and is tried no more", () => {
  const run = new EngineFixture({ tasks: { a: script({ retry: { attempts: 5, delayMs: 1000 } }) } });
  run.fail("a");
  expect(run.states["a"]).toBe("retrying");
  mark(run, "a", { state: "failed" });
  expect(run.run).toMatchObject({
    state: "failed",
    failure: { task: "a", code: "marked_failed", message: "ana marked it as failed: I know better" },
  });
  expect(run.timers.size).toBe(0);
});

test("succeeded needs the outputs that the task declares, of their types", () => {
  const run = new EngineFixture({ tasks: { a: script({ outputs: { rows: { type: "integer" } } }) } });
  expect(mark(run, "a", { state: "succeeded" })).toMatchObject({ kind: "invalid", code: "output_missing" });
  expect(mark(run, "a", { state: "succeeded", outputs: { rows: "x" } })).toMatchObject({ code: "output_invalid" });
  expect(run.states["a"]).toBe("dispatched");
  mark(run, "a", { state: "succeeded", outputs: { rows: 4 } });
  run.finish("a", { outputs: { rows: 9 } });
  expect(run.task("a")).toMatchObject({ state: "succeeded", outputs: { rows: 4 } });
});

test("what has ended, or is being stopped for another reason, cannot be marked", () => {
  const run = new EngineFixture({ tasks: { a: script(), b: script() } });
  run.finish("a");
  expect(mark(run, "a", { state: "failed" })).toMatchObject({ kind: "refused", state: "succeeded" });
  run.begin("b");
  run.send({ kind: "cancel_task", position: run.position("b"), actor: "ana", reason: "" });
  expect(mark(run, "b", { state: "succeeded" })).toMatchObject({ kind: "refused", state: "cancelling" });
});
