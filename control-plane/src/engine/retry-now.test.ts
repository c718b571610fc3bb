import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";

const twice = { attempts: 2, delayMs: 60_000, jitter: 0, onExhausted: "pause" } as const;
const retryNow = (run: EngineFixture, key: string) =>
  run.send({ kind: "retry_now", position: run.position(key), actor: "ana" });

test("a person need not wait for a back-off", () => {
  const run = new EngineFixture({ tasks: { a: script({ retry: { attempts: 2, delayMs: 60_000 } }) } });
  run.fail("a");
  expect(run.states["a"]).toBe("retrying");
  expect(retryNow(run, "a")).toEqual({ kind: "accepted" });
  expect(run.states["a"]).toBe("dispatched");
  expect(run.timers.size).toBe(0);
});

test("onExhausted: pause holds the task until a person grants one more try, again and again", () => {
  const run = new EngineFixture({ tasks: { a: script({ retry: twice }), b: script({ needs: ["a"] }) } });
  run.fail("a");
  run.retry("a");
  run.fail("a");
  expect(run.task("a")).toMatchObject({
    state: "suspended",
    failure: { code: "exit" },
    reason: { code: "retries_exhausted", evidence: { attempts: 2, cause: "exit" } },
  });
  expect(run.run.state).toBe("running");
  retryNow(run, "a");
  run.fail("a");
  expect(run.states["a"]).toBe("suspended");
  retryNow(run, "a");
  run.finish("a");
  run.finish("b");
  expect(run.run.state).toBe("succeeded");
});

test("a person marks or cancels what has no try left, and the run's cancel ends it", () => {
  const exhausted = (): EngineFixture => {
    const run = new EngineFixture({ tasks: { a: script({ retry: { ...twice, attempts: 1 } }) } });
    run.fail("a");
    expect(run.states["a"]).toBe("suspended");
    return run;
  };
  const marked = exhausted();
  marked.send({ kind: "mark_task", position: 0, mark: { state: "succeeded", actor: "ana", reason: "done by hand" } });
  expect(marked.run.state).toBe("succeeded");
  const cancelled = exhausted();
  cancelled.send({ kind: "cancel_task", position: 0, actor: "ana", reason: "" });
  expect(cancelled.run.state).toBe("cancelled");
  const stopped = exhausted();
  stopped.cancel();
  expect(stopped.run.state).toBe("cancelled");
});

test("attempts that were lost too often wait for a person too; a failure that nobody would repeat does not", () => {
  const lost = new EngineFixture({ tasks: { a: script({ retry: { lost: 0, onExhausted: "pause" } }) } });
  lost.begin("a");
  lost.lose("a");
  expect(lost.task("a")).toMatchObject({ state: "suspended", failure: { class: "lost" } });
  const final = new EngineFixture({ tasks: { a: script({ retry: twice }) } });
  final.fail("a", { retryable: false });
  expect(final.run.state).toBe("failed");
});

test("a parked task is offered again to everybody; one that runs, waits or is over is refused", () => {
  const run = new EngineFixture({ tasks: { a: script(), b: script({ needs: ["a"] }) } });
  const by = { agentId: "agent-1", session: 1 };
  for (let round = 1; round <= 3; round++) {
    const { live } = run.task("a");
    if (live === undefined) throw new Error("no attempt");
    const ref = { attemptId: live.id, epoch: live.epoch };
    run.send({ kind: "attempt_rejected", ...ref, by, reason: "policy_denied", detail: "no" });
    if (round < 3) run.send({ kind: "timer", position: 0, timer: "dispatch_backoff" });
  }
  expect(run.task("a").reason?.code).toBe("parked");
  expect(retryNow(run, "a")).toEqual({ kind: "accepted" });
  expect(run.task("a")).toMatchObject({ state: "dispatched", avoid: [], tries: { rejected: 0 } });
  for (const key of ["a", "b"]) expect(retryNow(run, key)).toMatchObject({ kind: "refused", code: "state_conflict" });
});
