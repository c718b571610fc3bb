import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";

const needs = (...keys: string[]) => script({ needs: keys });
const pause = { kind: "pause_run", actor: "user:ana", reason: "disk is full" } as const;
const resume = { kind: "resume_run", actor: "user:ana" } as const;
const minuteMs = 60_000;

test("in a paused run what runs goes on and nothing new is dispatched, until it is resumed", () => {
  const run = new EngineFixture({ tasks: { a: script(), b: needs("a") } });
  run.begin("a");
  expect(run.send(pause)).toEqual({ kind: "accepted" });
  expect(run.run).toMatchObject({ state: "paused", pause: { current: { actor: "user:ana", reason: "disk is full" } } });
  run.finish("a");
  expect(run.states).toEqual({ a: "succeeded", b: "queued" });
  expect(run.task("b").reason).toEqual({ code: "run_paused" });
  expect(run.send(resume)).toEqual({ kind: "accepted" });
  expect(run.states).toEqual({ a: "succeeded", b: "dispatched" });
  run.finish("b");
  expect(run.run.state).toBe("succeeded");
});

test("the clock of a paused run stands still: its deadline moves by the length of the pause and does not pass in it", () => {
  const run = new EngineFixture({ timeoutMs: 10 * minuteMs, tasks: { a: script() } });
  const deadlineMs = run.run.deadlineMs;
  run.nowMs += minuteMs;
  run.send(pause);
  run.nowMs += 60 * minuteMs;
  expect(run.send({ kind: "deadline" })).toEqual({ kind: "duplicate" });
  run.send(resume);
  expect(run.run.deadlineMs).toBe(deadlineMs + 60 * minuteMs);
  expect(run.run.pause).toEqual({ totalMs: 60 * minuteMs });
  run.nowMs += 9 * minuteMs;
  run.send({ kind: "deadline" });
  expect(run.run.state).toBe("cancelling");
});

test("a run whose last task ends in a pause ends when it is resumed", () => {
  const run = new EngineFixture({ tasks: { a: script() } });
  run.begin("a");
  run.send(pause);
  run.finish("a");
  expect(run.run).toMatchObject({ state: "paused", endedMs: undefined });
  run.send(resume);
  expect(run.run.state).toBe("succeeded");
});

test("a back-off that ends in a pause, and an attempt that is lost in it, wait for the end of the pause", () => {
  const run = new EngineFixture({
    tasks: { a: script({ retry: { attempts: 2, delayMs: 1000, jitter: 0 } }), b: script() },
  });
  run.begin("a");
  run.begin("b");
  run.send(pause);
  run.fail("a");
  expect(run.states["a"]).toBe("retrying");
  run.retry("a");
  run.lose("b");
  expect(run.states).toEqual({ a: "queued", b: "queued" });
  run.send(resume);
  expect(run.states).toEqual({ a: "dispatched", b: "dispatched" });
});

test("a refused offer whose waiting ends in a pause is held with the rest", () => {
  const run = new EngineFixture({ tasks: { a: script() } });
  const { live } = run.task("a");
  if (live === undefined) throw new Error("no attempt");
  const by = { agentId: "agent-1", session: 1 };
  const ref = { attemptId: live.id, epoch: live.epoch };
  run.send({ kind: "attempt_rejected", ...ref, by, reason: "policy_denied", detail: "not here" });
  run.send(pause);
  expect(run.task("a").reason?.code).toBe("dispatch_backoff");
  run.send({ kind: "timer", position: 0, timer: "dispatch_backoff" });
  expect(run.task("a").reason?.code).toBe("run_paused");
  run.send(resume);
  expect(run.states["a"]).toBe("dispatched");
});

test("a claim that meets a paused run makes no attempt", () => {
  const run = new EngineFixture({ tasks: { a: script(), b: needs("a") } });
  run.begin("a");
  run.send(pause);
  run.finish("a");
  const claim = { kind: "claimed", position: 1, agentId: "agent-1", session: 1, seq: 9 } as const;
  expect(run.send(claim)).toEqual({ kind: "duplicate" });
  expect(run.task("b").attempts).toBe(0);
});

test("pausing and resuming again changes nothing; a run that is over or being cancelled refuses both", () => {
  const run = new EngineFixture({ tasks: { a: script() } });
  expect(run.send(resume)).toEqual({ kind: "duplicate" });
  run.send(pause);
  const { version } = run.run;
  expect(run.send(pause)).toEqual({ kind: "duplicate" });
  expect(run.run.version).toBe(version);
  run.cancel();
  expect(run.send(pause)).toMatchObject({ kind: "refused", state: "cancelling" });
  run.finish("a");
  expect(run.send(resume)).toMatchObject({ kind: "refused", code: "state_conflict", state: "cancelled" });
});

test("a cancel ends a pause: cleanup runs, the rest does not", () => {
  const run = new EngineFixture({
    tasks: { a: script(), b: needs("a"), c: script({ needs: ["a"], if: { $expr: "always()" } }) },
  });
  run.begin("a");
  run.send(pause);
  run.finish("a");
  expect(run.states).toEqual({ a: "succeeded", b: "queued", c: "queued" });
  run.nowMs += minuteMs;
  run.cancel();
  expect(run.states).toEqual({ a: "succeeded", b: "cancelled", c: "dispatched" });
  expect(run.run.pause).toEqual({ totalMs: minuteMs });
  run.finish("c");
  expect(run.run.state).toBe("cancelled");
});
