import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";

const minuteMs = 60_000;

test("queueTimeout: a task that no agent takes in time is timed out, and is not tried again", () => {
  const run = new EngineFixture({ tasks: { a: script({ queueTimeoutMs: minuteMs, retry: { attempts: 3 } }) } });
  run.lose("a", "offer_lost");
  run.send({ kind: "cancel_task", position: 9, actor: "x", reason: "" }); // of no task: changes nothing
  run.fire("queue_timeout", "a");
  expect(run.states["a"]).toBe("cancelling"); // it was offered: its agent is told first
  run.lose("a", "offer_lost");
  expect(run.task("a")).toMatchObject({
    state: "timed_out",
    failure: {
      class: "queue_timeout",
      code: "queue_timeout",
      message: "no agent had started it after 1 m (queueTimeout)",
    },
  });
  expect(run.run.state).toBe("failed");
  expect(run.timers.size).toBe(0);
});

test("queueTimeout: an attempt that starts in time has all the time it wants, and the next waits anew", () => {
  const task = script({ queueTimeoutMs: minuteMs, retry: { attempts: 2, delayMs: 10 * minuteMs, jitter: 0 } });
  const run = new EngineFixture({ tasks: { a: task } });
  run.begin("a");
  expect([...run.timers.keys()]).toEqual([]);
  run.fail("a");
  run.retry("a");
  expect(run.timers.get("0:queue_timeout")).toBe(run.nowMs + minuteMs);
});

test("timeoutTotal counts from the first time it was queued, and ends a back-off and a live attempt alike", () => {
  const task = script({ timeoutTotalMs: 10 * minuteMs, retry: { attempts: 9, delayMs: 8 * minuteMs, jitter: 0 } });
  const waiting = new EngineFixture({ tasks: { a: task } });
  waiting.nowMs += 5 * minuteMs;
  waiting.fail("a");
  waiting.fire("timeout_total", "a");
  expect(waiting.task("a")).toMatchObject({
    state: "timed_out",
    failure: { class: "timeout", message: "it had not ended after 10 m (timeoutTotal), retries included" },
  });
  expect(waiting.timers.size).toBe(0);
  const live = new EngineFixture({ tasks: { a: task } });
  live.begin("a");
  live.fire("timeout_total", "a");
  expect(live.states["a"]).toBe("cancelling");
  live.fail("a");
  expect(live.states["a"]).toBe("timed_out");
  expect(live.task("a").attempts).toBe(1);
});

test("a task whose time was up is timed out, however its attempt then ends", () => {
  const end = {
    rejected: (run: EngineFixture, attemptId: string, epoch: number) =>
      run.send({ kind: "attempt_rejected", attemptId, epoch, by: { agentId: "agent-1", session: 1 }, ...refusal }),
    given_back: (run: EngineFixture) => run.lose("a", "given_back"),
    lost: (run: EngineFixture) => run.lose("a"),
    cancelled: (run: EngineFixture) => run.finish("a", { outcome: "cancelled" }),
  };
  for (const [how, ends] of Object.entries(end)) {
    const run = new EngineFixture({ tasks: { a: script({ timeoutTotalMs: minuteMs }) } });
    const { id, epoch } = run.task("a").live ?? { id: "", epoch: 0 };
    run.fire("timeout_total", "a");
    ends(run, id, epoch);
    expect([how, run.states["a"], run.run.state]).toEqual([how, "timed_out", "failed"]);
  }
});
const refusal = { reason: "busy", detail: "no slot", elsewhere: true } as const;

test("the time of a pause is no time of the task: what was left when it began is left when it ends", () => {
  const run = new EngineFixture({
    tasks: { a: script({ timeoutTotalMs: 10 * minuteMs, queueTimeoutMs: minuteMs }), b: script() },
  });
  const dueMs = run.timers.get("0:timeout_total") ?? 0;
  run.send({ kind: "pause_run", actor: "ana", reason: "" });
  run.fire("timeout_total", "a");
  expect(run.states["a"]).toBe("dispatched");
  run.send({ kind: "resume_run", actor: "ana" });
  expect(run.timers.get("0:timeout_total")).toBe(dueMs + 10 * minuteMs);
  expect(run.timers.get("0:queue_timeout")).toBe(run.nowMs + minuteMs);
});

test("a timer that comes after the end changes nothing", () => {
  const run = new EngineFixture({ tasks: { a: script({ timeoutTotalMs: minuteMs }), b: script() } });
  run.finish("a");
  expect(run.send({ kind: "timer", position: 0, timer: "timeout_total" })).toEqual({ kind: "duplicate" });
  expect(run.states["a"]).toBe("succeeded");
});

test("a time that is up changes nothing of a task run that has not been queued: such a snapshot is an old one", () => {
  const run = new EngineFixture({ tasks: { a: script(), b: script({ needs: ["a"], timeoutTotalMs: minuteMs }) } });
  expect(run.send({ kind: "timer", position: run.position("b"), timer: "timeout_total" })).toEqual({
    kind: "duplicate",
  });
  expect(run.states["b"]).toBe("waiting");
});
