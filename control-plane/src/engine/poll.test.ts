import { formatTime, type CanonicalTask } from "@capstan/proto";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import { pauseMs } from "./poll.ts";

const sensor = (poll: NonNullable<CanonicalTask["poll"]>, more: Partial<CanonicalTask> = {}): CanonicalTask =>
  script({ poll, ...more });
const notYet = { exitCode: 75, retryable: true } as const;

test("a poll that found nothing leaves the task suspended with a timer and without an attempt; the next one is another attempt", () => {
  const run = new EngineFixture({ tasks: { a: sensor({ everyMs: 60_000 }), b: script({ needs: ["a"] }) } });
  run.begin("a");
  const startedMs = run.task("a").startedMs;
  run.fail("a", notYet);
  expect(run.task("a")).toMatchObject({
    state: "suspended",
    live: undefined,
    attempts: 1,
    dueMs: run.nowMs + 60_000,
    reason: { code: "waiting_poll", evidence: { poll: 1, next: formatTime(run.nowMs + 60_000) } },
  });
  expect(run.task("a").startedMs).toBe(startedMs);
  expect([...run.timers]).toEqual([["0:suspended", run.nowMs + 60_000]]);
  run.fire("suspended", "a");
  expect(run.task("a")).toMatchObject({ state: "dispatched", attempts: 2 });
  run.finish("a");
  expect(run.states).toEqual({ a: "succeeded", b: "dispatched" });
  expect(run.task("a").outputs).toEqual({ polls: 2 });
  expect(run.timers.size).toBe(0);
});

test("until decides over this poll's outputs, the last cursor and its number; the cursor goes to the next poll", () => {
  const run = new EngineFixture({
    tasks: {
      a: sensor(
        { until: { $expr: "poll == 3 && cursor == 2 && result.cursor == 3" } },
        { outputs: { cursor: { type: "integer" } } },
      ),
    },
  });
  for (const cursor of [1, 2]) {
    run.finish("a", { outputs: { cursor } });
    expect(run.task("a").suspension).toEqual({ kind: "poll", polls: cursor, errors: 0, cursor });
    run.fire("suspended", "a");
  }
  run.finish("a", { outputs: { cursor: 3 } });
  expect(run.task("a")).toMatchObject({ state: "succeeded", outputs: { cursor: 3, polls: 3 } });
});

test("105: three polls in a row that fail end the task with poll_failed, whatever retry says", () => {
  const run = new EngineFixture({ tasks: { a: sensor({}, { retry: { attempts: 9, delayMs: 0 } }) } });
  for (let n = 1; n < 3; n++) {
    run.fail("a");
    expect(run.task("a")).toMatchObject({ state: "suspended", reason: { evidence: { errors: n, maxErrors: 3 } } });
    run.fire("suspended", "a");
  }
  run.fail("a");
  expect(run.task("a")).toMatchObject({
    state: "failed",
    attempts: 3,
    failure: { class: "wait", code: "poll_failed" },
  });
  expect(run.task("a").failure?.message).toContain("exit code 1");
  expect(run.run.state).toBe("failed");
  expect(run.timers.size).toBe(0);
});

test("a poll that did not fail begins the count of failures anew", () => {
  const run = new EngineFixture({ tasks: { a: sensor({ maxErrors: 2 }) } });
  for (const result of [{}, notYet, {}, notYet, {}]) {
    run.fail("a", result);
    expect(run.task("a").state).toBe("suspended");
    run.fire("suspended", "a");
  }
  run.fail("a");
  expect(run.task("a").state).toBe("failed");
});

test("what no try pays for ends a sensor at once: the task's own word, and outputs of a wrong type", () => {
  const word = new EngineFixture({ tasks: { a: sensor({}) } });
  word.fail("a", { retryable: false });
  expect(word.task("a")).toMatchObject({ state: "failed", failure: { code: "exit" } });
  const wrong = new EngineFixture({ tasks: { a: sensor({}, { outputs: { n: { type: "integer" } } }) } });
  wrong.finish("a", { outputs: { n: "x" } });
  expect(wrong.task("a")).toMatchObject({ state: "failed", failure: { code: "output_invalid" } });
  const until = new EngineFixture({ tasks: { a: sensor({ until: { $expr: "inputs.m.q == 1" } }) } }, { m: {} });
  until.finish("a");
  expect(until.task("a")).toMatchObject({ state: "failed", failure: { code: "expression_failed" } });
});

test("a lost attempt and a failure before user code are no failed polls, and each poll has its own free tries", () => {
  const run = new EngineFixture({ tasks: { a: sensor({ maxErrors: 1 }) } });
  for (let poll = 0; poll < 3; poll++) {
    run.begin("a");
    run.lose("a");
    run.fail("a", { failure: { class: "setup", code: "environment", message: "no" } });
    run.retry("a");
    run.fail("a", notYet);
    expect(run.task("a").state).toBe("suspended");
    run.fire("suspended", "a");
  }
  expect(run.task("a").state).toBe("dispatched");
});

test("pauses grow by backoff to maxEvery, and Retry-After is the least of them", () => {
  const policy = { everyMs: 10, backoff: 2, maxEveryMs: 50, until: undefined, maxErrors: 3, timeoutMs: undefined };
  expect([1, 2, 3, 4, 5000].map((n) => pauseMs(policy, n))).toEqual([10, 20, 40, 50, 50]);
  const run = new EngineFixture({ tasks: { a: sensor({ everyMs: 5_000 }) } });
  run.fail("a", { ...notYet, retryAfterMs: 90_000 });
  expect(run.task("a").dueMs).toBe(run.nowMs + 90_000);
  const hourly = new EngineFixture({ tasks: { a: sensor({ everyMs: 3_600_000 }) } });
  hourly.fail("a", notYet);
  expect(hourly.task("a").dueMs).toBe(hourly.nowMs + 3_600_000);
});

test("poll.timeout ends the sensor between polls, and stops the poll that is under way", () => {
  const between = new EngineFixture({ tasks: { a: sensor({ timeoutMs: 100_000 }) } });
  between.fail("a", notYet);
  between.fire("poll_timeout", "a");
  const within = new EngineFixture({ tasks: { a: sensor({ timeoutMs: 100_000 }) } });
  within.begin("a");
  within.fire("poll_timeout", "a");
  expect(within.task("a")).toMatchObject({ state: "cancelling", stopping: "poll" });
  within.finish("a");
  for (const run of [between, within]) {
    expect(run.task("a")).toMatchObject({ state: "failed", failure: { class: "wait", code: "wait_timeout" } });
    expect(run.timers.size).toBe(0);
  }
});

test("cancel ends a sensor between polls at once, and a paused run polls only when it goes on", () => {
  const cancelled = new EngineFixture({ tasks: { a: sensor({ timeoutMs: 100_000 }) } });
  cancelled.fail("a", notYet);
  cancelled.cancel();
  expect(cancelled.run.state).toBe("cancelled");
  expect(cancelled.timers.size).toBe(0);
  const paused = new EngineFixture({ tasks: { a: sensor({ timeoutMs: 100_000 }) } });
  paused.fail("a", notYet);
  paused.send({ kind: "pause_run", actor: "ana", reason: "" });
  paused.fire("suspended", "a");
  expect(paused.task("a")).toMatchObject({ state: "queued", reason: { code: "run_paused" } });
  paused.nowMs += 500_000;
  paused.send({ kind: "resume_run", actor: "ana" });
  expect(paused.task("a").state).toBe("dispatched");
  expect(paused.timers.get("0:poll_timeout")).toBeGreaterThan(paused.nowMs);
});

test("a timer of an earlier pause changes nothing, and a person may have the next poll now", () => {
  const run = new EngineFixture({ tasks: { a: sensor({}) } });
  run.fail("a", notYet);
  expect(run.send({ kind: "timer", position: 0, timer: "suspended" })).toEqual({ kind: "duplicate" });
  expect(run.timers.size).toBe(1);
  expect(run.send({ kind: "retry_now", position: 0, actor: "ana" })).toEqual({ kind: "accepted" });
  expect(run.task("a").state).toBe("dispatched");
  expect(run.timers.size).toBe(0);
});

test("the index of a mapped sensor gives its place back between polls", () => {
  const run = new EngineFixture({ tasks: { a: sensor({}, { forEach: [1, 2], maxParallel: 1 }) } });
  run.fail("a.0", notYet);
  expect(run.indexStates("a")).toEqual(["suspended", "dispatched"]);
  run.fire("suspended", "a.0");
  expect(run.task("a.0")).toMatchObject({ state: "suspended", reason: { code: "limit_reached" } });
  run.finish("a.1");
  expect(run.indexStates("a")).toEqual(["dispatched", "succeeded"]);
  run.finish("a.0");
  expect(run.run.state).toBe("succeeded");
});
