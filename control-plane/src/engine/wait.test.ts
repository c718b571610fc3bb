import type { CanonicalTask, WaitAction } from "@capstan/proto";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import { neverMs } from "./hand-over.ts";

const waits = (wait: WaitAction, more: Partial<CanonicalTask> = {}): CanonicalTask => ({
  action: { wait },
  needs: [],
  ...more,
});
const paid = (order: number) => ({
  event: { id: `e${order}`, type: "order.paid", at: "2027-01-05T10:00:00.000Z", data: { order } },
});

test("a wait for a time is suspended with a timer, holds no slot, and its end lets the next task start", () => {
  const run = new EngineFixture({ tasks: { a: waits({ forMs: 60_000 }), b: script({ needs: ["a"] }) } });
  expect(run.task("a")).toMatchObject({ state: "suspended", attempts: 0, dueMs: run.nowMs + 60_000 });
  expect(run.task("a").reason).toMatchObject({ code: "waiting_time" });
  expect(run.timers.get("0:suspended")).toBe(run.nowMs + 60_000);
  expect(run.deliver("a", "suspended")).toEqual({ kind: "accepted" });
  expect(run.states).toEqual({ a: "succeeded", b: "dispatched" });
  expect(run.timers.size).toBe(0);
  expect(run.deliver("a", "suspended")).toEqual({ kind: "duplicate" });
});

test("until a time that has passed ends at once, and one that an expression gives is read with its zone", () => {
  const past = new EngineFixture({ tasks: { a: waits({ until: "1970-01-01T00:00:01Z" }) } });
  expect(past.run.state).toBe("succeeded");
  const later = new EngineFixture(
    { inputs: { at: { type: "string" } }, tasks: { a: waits({ until: { $expr: "inputs.at" } }) } },
    { at: "1970-01-01T02:00:00+01:00" },
  );
  expect(later.task("a").dueMs).toBe(3_600_000);
});

test("a time without a zone and a duration that is none fail the task, not the control plane", () => {
  for (const wait of [{ until: { $expr: "inputs.x" } }, { for: { $expr: "inputs.x" } }]) {
    const run = new EngineFixture({ inputs: { x: { type: "string" } }, tasks: { a: waits(wait) } }, { x: "10:00" });
    expect(run.run).toMatchObject({ state: "failed", failure: { code: "expression_failed", task: "a" } });
  }
});

test("a wait for an event has an event key, looks back once, and takes the first event that its condition accepts", () => {
  const wait: WaitAction = { event: { type: "order.paid", if: { $expr: "event.data.order == inputs.order" } } };
  const run = new EngineFixture(
    { inputs: { order: { type: "integer" } }, tasks: { a: waits(wait), b: script({ needs: ["a"] }) } },
    { order: 7 },
  );
  expect(run.task("a")).toMatchObject({ state: "suspended", reason: { code: "waiting_event" }, dueMs: undefined });
  expect(run.timers.get("0:suspended")).toBe(neverMs);
  expect(run.timers.get("0:event:look")).toBe(run.nowMs);
  expect(run.deliver("a", "event:look", { events: [] })).toEqual({ kind: "duplicate" });
  expect(run.deliver("a", "event:1", paid(6))).toEqual({ kind: "duplicate" });
  expect(run.task("a").state).toBe("suspended");
  expect(run.deliver("a", "event:2", paid(7))).toEqual({ kind: "accepted" });
  expect(run.task("a").outputs).toMatchObject({ event: { data: { order: 7 } } });
  expect(run.states["b"]).toBe("dispatched");
  expect(run.deliver("a", "event:3", paid(7))).toEqual({ kind: "duplicate" });
  expect(run.timers.size).toBe(0);
});

test("an event that came before the task began to wait is found when it looks back, page by page", () => {
  const run = new EngineFixture({
    tasks: { a: waits({ event: { type: "order.paid", if: { $expr: "event.data.order == 9" } } }) },
  });
  run.deliver("a", "event:look", { events: [paid(1).event, paid(2).event], afterSeq: 200 });
  expect(run.timers.has("0:event:look")).toBe(true);
  run.deliver("a", "event:look", { events: [paid(9).event] });
  expect(run.run.state).toBe("succeeded");
});

test("a condition that fails on an event does not match it", () => {
  const run = new EngineFixture({
    tasks: { a: waits({ event: { type: "order.paid", if: { $expr: "event.data.total > 3" } } }) },
  });
  run.deliver("a", "event:1", paid(1));
  expect(run.task("a").state).toBe("suspended");
});

test("an event that does not come in time fails the task with wait_timeout, or lets it go on where it says so", () => {
  const failing = new EngineFixture({ tasks: { a: waits({ event: { type: "x", timeoutMs: 1000 } }) } });
  failing.deliver("a", "suspended");
  expect(failing.run).toMatchObject({ state: "failed", failure: { class: "wait", code: "wait_timeout" } });
  const going = new EngineFixture({
    tasks: { a: waits({ event: { type: "x", timeoutMs: 1000, onTimeout: "continue" } }) },
  });
  going.deliver("a", "suspended");
  expect(going.run.state).toBe("succeeded");
  expect(going.task("a").outputs).toMatchObject({ event: null });
});

test("the timeout of the task ends the wait as timed out", () => {
  const run = new EngineFixture({ tasks: { a: waits({ forMs: 60_000 }, { timeoutMs: 1000 }) } });
  run.deliver("a", "suspended_timeout");
  expect(run.task("a")).toMatchObject({ state: "timed_out", failure: { code: "timeout" } });
  expect(run.timers.size).toBe(0);
});

test("a wait is cancelled at once, and leaves no timer", () => {
  const run = new EngineFixture({ tasks: { a: waits({ forMs: 60_000 }), b: script({ needs: ["a"] }) } });
  run.cancel();
  expect(run.states).toEqual({ a: "cancelled", b: "cancelled" });
  expect(run.run.state).toBe("cancelled");
  expect([...run.timers.keys()]).toEqual([]);
});

test("a person can end a wait early; a task that does not wait refuses that", () => {
  const run = new EngineFixture({ tasks: { a: waits({ forMs: 60_000 }), b: script({ needs: ["a"] }) } });
  const skip = { kind: "skip_wait", position: 0, actor: "user:ana", reason: "no need" } as const;
  expect(run.send({ ...skip, position: 1 })).toMatchObject({ kind: "refused", code: "state_conflict" });
  expect(run.send(skip)).toEqual({ kind: "accepted" });
  expect(run.states).toEqual({ a: "succeeded", b: "dispatched" });
  expect(run.history).toContainEqual({ type: "task.wait_skipped", task: "a", actor: "user:ana", reason: "no need" });
  expect(run.send(skip)).toMatchObject({ kind: "refused", state: "succeeded" });
});
