import type { CanonicalHook } from "@capstan/proto";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import { failureFor } from "./context.ts";
import { isSettled } from "./snapshot.ts";

const hook: CanonicalHook = { action: { run: { script: "true" } } };
const failed = { outcome: "failed", failure: { class: "error", code: "exit", message: "exit code 1" } } as const;

test("hooks of a task run when it succeeds, fails or is tried again, beside the graph and without a say in it", () => {
  const hooks = { onSuccess: [hook], onFailure: [hook], onRetry: [hook] };
  const run = new EngineFixture({
    tasks: { a: script({ hooks, retry: { attempts: 2, delayMs: 1000 } }), b: script({ needs: ["a"] }) },
  });
  run.fail("a");
  expect(run.states["a.hooks.onRetry.0"]).toBe("dispatched");
  run.retry("a");
  run.finish("a");
  expect(run.states).toEqual({
    a: "succeeded",
    b: "dispatched",
    "a.hooks.onRetry.0": "dispatched",
    "a.hooks.onSuccess.0": "dispatched",
  });
  run.finish("b");
  expect(run.run.state).toBe("succeeded");
  expect(isSettled(run.run)).toBe(false);
  run.finish("a.hooks.onRetry.0");
  run.finish("a.hooks.onSuccess.0");
  expect(isSettled(run.run)).toBe(true);
});

test("run.failure is to a hook of a task what that task failed of, while the run goes on", () => {
  const run = new EngineFixture({
    tasks: {
      a: script({ allowFailure: true, hooks: { onFailure: [{ ...hook, if: { $expr: 'run.failure.task == "a"' } }] } }),
      b: script(),
    },
  });
  run.fail("a");
  expect(run.states).toMatchObject({ a: "failed", b: "dispatched", "a.hooks.onFailure.0": "dispatched" });
  const planTask = run.run.plan.tasks[run.position("a.hooks.onFailure.0")];
  if (planTask === undefined) throw new Error("no hook");
  expect(failureFor(run.run, planTask)).toMatchObject({ task: "a", class: "error", attempt: 1 });
});

test("hooks run after a failure of the infrastructure too, and one that fails is told and changes nothing", () => {
  const run = new EngineFixture({ tasks: { a: script({ retry: { lost: 0 } }) }, hooks: { onFailure: [hook] } });
  run.begin("a");
  run.lose("a");
  expect(run.run).toMatchObject({ state: "failed", failure: { class: "lost" } });
  expect(run.states["hooks.onFailure.0"]).toBe("dispatched");
  run.finish("hooks.onFailure.0", { ...failed, retryable: false });
  expect(run.run.state).toBe("failed");
  expect(run.history.filter((item) => item.type === "hook_failed")).toEqual([
    { type: "hook_failed", task: "hooks.onFailure.0", reason: "exit", detail: "exit code 1" },
  ]);
});

test("a hook for which no agent comes within a day is given up, and told", () => {
  const run = new EngineFixture({ tasks: { a: script() }, hooks: { onSuccess: [hook] } });
  run.finish("a");
  const position = run.position("hooks.onSuccess.0");
  run.send({ kind: "timer", position, timer: "queue_timeout" });
  run.lose("hooks.onSuccess.0", "offer_lost");
  expect(run.task("hooks.onSuccess.0")).toMatchObject({
    state: "timed_out",
    failure: { code: "queue_timeout", message: "no agent had started it after 1 d" },
  });
  expect(run.history.some((item) => item.type === "hook_failed")).toBe(true);
  expect(isSettled(run.run)).toBe(true);
});

test("a hook that was held in the queue by a pause leaves no timer behind when it is offered at once", () => {
  const run = new EngineFixture({ tasks: { a: script({ hooks: { onSuccess: [hook] } }), b: script() } });
  const position = run.position("a.hooks.onSuccess.0");
  run.send({ kind: "pause_run", actor: "ana", reason: "" });
  run.finish("a");
  // As the queue has it since before the pause.
  run.timers.set(`${position}:queue_timeout`, run.nowMs + 86_400_000);
  run.send({ kind: "resume_run", actor: "ana" });
  expect(run.states["a.hooks.onSuccess.0"]).toBe("dispatched");
  expect(run.timers.has(`${position}:queue_timeout`)).toBe(false);
});

test("onRecovery: a success after a run that was none; not after a success, not for the first run", () => {
  const succeeded = (): EngineFixture => {
    const run = new EngineFixture({ tasks: { a: script() }, hooks: { onRecovery: [hook], onSuccess: [hook] } });
    run.finish("a");
    expect(run.timers.get("-1:recovery")).toBe(run.nowMs);
    return run;
  };
  for (const [previous, expected] of [
    ["failed", "dispatched"],
    ["timed_out", "dispatched"],
    ["succeeded", undefined],
    [undefined, undefined],
  ] as const) {
    const run = succeeded();
    run.send({ kind: "recovery", previous });
    expect(run.states["hooks.onRecovery.0"], previous).toBe(expected);
    expect(run.timers.size).toBe(0);
  }
});

test("in a paused run hooks wait with the rest", () => {
  const run = new EngineFixture({ tasks: { a: script({ hooks: { onSuccess: [hook] } }), b: script() } });
  run.begin("a");
  run.send({ kind: "pause_run", actor: "ana", reason: "" });
  run.finish("a");
  expect(run.task("a.hooks.onSuccess.0").reason?.code).toBe("run_paused");
  run.send({ kind: "resume_run", actor: "ana" });
  expect(run.states["a.hooks.onSuccess.0"]).toBe("dispatched");
});

test("a hook that is told of a cancel asks its condition like any other", () => {
  const run = new EngineFixture({
    tasks: { a: script() },
    hooks: { onCancel: [{ ...hook, if: { $expr: 'run.state == "cancelled"' } }] },
  });
  run.cancel();
  run.finish("a");
  expect(run.run.state).toBe("cancelled");
  expect(run.states["hooks.onCancel.0"]).toBe("dispatched");
});

test("the hooks of a mapped task are of the whole: one failure of it, however many indexes failed", () => {
  const tasks = { each: script({ forEach: [1, 2], hooks: { onFailure: [hook], onSuccess: [hook] } }) };
  const run = new EngineFixture({ tasks });
  run.fail("each.0");
  expect(Object.keys(run.states)).toEqual(["each"]);
  run.fail("each.1");
  expect(run.states).toEqual({ each: "failed", "each.hooks.onFailure.0": "dispatched" });
});

test("a hook whose agent would have to be sent more than an offer carries is told, and never offered", () => {
  const text = "x".repeat(200 * 1024);
  const large = script({ outputs: { text: { type: "string" } } });
  const run = new EngineFixture({
    tasks: { a: large, b: large },
    hooks: {
      onSuccess: [
        {
          action: { run: { script: "true" } },
          env: {
            A: { $expr: 'tasks.a.?outputs.?text.orValue("")' },
            B: { $expr: 'tasks.b.?outputs.?text.orValue("")' },
          },
        },
      ],
    },
  });
  run.finish("a", { outputs: { text } });
  run.finish("b", { outputs: { text } });
  expect(run.run.state).toBe("succeeded");
  expect(run.task("hooks.onSuccess.0")).toMatchObject({ state: "failed", failure: { code: "expression_failed" } });
  expect(run.history.some((item) => item.type === "hook_failed")).toBe(true);
});
