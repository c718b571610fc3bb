// Cases of the language that no other test of the engine meets, each under its number in the language's list.
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";

const needs = (...keys: string[]) => script({ needs: keys });

test("65: a run of which every task was skipped has succeeded", () => {
  const run = new EngineFixture({ tasks: { a: script({ if: { $expr: "inputs.go" } }), b: needs("a") } }, { go: false });
  expect(run.states).toEqual({ a: "skipped", b: "skipped" });
  expect(run.run.state).toBe("succeeded");
});

test("70: a task whose only attempt ran out of time is timed out, and its run has failed", () => {
  const run = new EngineFixture({ tasks: { a: script({ timeoutMs: 1000 }), b: needs("a") } });
  run.finish("a", { outcome: "timed_out" });
  expect(run.states).toEqual({ a: "timed_out", b: "skipped" });
  expect(run.run).toMatchObject({ state: "failed", failure: { task: "a", class: "timeout" } });
});

test("71: a condition that cannot be evaluated fails its task, which is not tried again", () => {
  const run = new EngineFixture(
    { tasks: { a: script({ if: { $expr: "inputs.m.q == 1" }, retry: { attempts: 5 } }) } },
    { m: {} },
  );
  expect(run.task("a")).toMatchObject({ state: "failed", attempts: 0, failure: { code: "expression_failed" } });
  expect(run.run.state).toBe("failed");
});

test("80: exit code 75 asks for another try whatever causes says, and 82: the word never for none", () => {
  const retry = { attempts: 2, causes: ["timeout"], delayMs: 0 };
  const again = new EngineFixture({ tasks: { a: script({ retry }) } });
  again.fail("a", { exitCode: 75, retryable: true });
  again.retry("a");
  again.finish("a");
  expect(again.run.state).toBe("succeeded");
  expect(again.task("a").attempts).toBe(2);
  const never = new EngineFixture({ tasks: { a: script({ retry: { attempts: 3 } }) } });
  never.fail("a", { retryable: false });
  expect(never.task("a")).toMatchObject({ state: "failed", attempts: 1 });
});

test("68: after a cancel a waiting task that always runs still does, and the run is cancelled at its end", () => {
  const run = new EngineFixture({
    tasks: { a: script(), c: script({ needs: ["a"], if: { $expr: "always()" } }) },
  });
  run.cancel();
  run.finish("a");
  expect(run.states).toEqual({ a: "cancelled", c: "dispatched" });
  run.finish("c");
  expect(run.run.state).toBe("cancelled");
});
