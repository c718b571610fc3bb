import type { CanonicalHook } from "@capstan/proto";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";

const minuteMs = 60_000;
const hook: CanonicalHook = { action: { run: { script: "true" } } };
const lateEvents = (run: EngineFixture) =>
  run.history.filter((item) => item.type === "run.late").map((item) => [item.task, item.reason]);

test("a run that passes a mark is late: a flag, an event once, its hook, and nothing is stopped", () => {
  const run = new EngineFixture({
    tasks: { a: script() },
    sla: { maxDurationMs: minuteMs },
    hooks: { onLate: [hook] },
  });
  run.begin("a");
  run.fire("late_duration");
  expect(run.run).toMatchObject({ state: "running", late: ["maxDuration"] });
  expect(run.states).toEqual({ a: "running", "hooks.onLate.0": "dispatched" });
  expect(run.send({ kind: "timer", position: -1, timer: "late_duration" })).toEqual({ kind: "duplicate" });
  expect(lateEvents(run)).toEqual([[undefined, "maxDuration"]]);
  run.finish("a");
  expect(run.run.state).toBe("succeeded");
});

test("a run whose first task has not started in time is late; one that has, is not", () => {
  const waits = new EngineFixture({ tasks: { a: script() }, sla: { startWithinMs: minuteMs } });
  waits.fire("late_start");
  expect(waits.run.late).toEqual(["startWithin"]);
  const starts = new EngineFixture({ tasks: { a: script() }, sla: { startWithinMs: minuteMs } });
  starts.begin("a");
  starts.fire("late_start");
  expect(starts.run.late).toBeUndefined();
});

test("a run that ends in time leaves no mark behind", () => {
  const sla = { startWithinMs: minuteMs, maxDurationMs: minuteMs, finishBy: "07:30" };
  const run = new EngineFixture({ tasks: { a: script({ sla: { startWithinMs: 1000, maxDurationMs: 1000 } }) }, sla });
  expect(run.timers.size).toBe(4);
  run.begin("a");
  expect(run.timers.size).toBe(5);
  run.finish("a");
  expect([...run.timers.keys()]).toEqual([]);
  expect(run.run.late).toBeUndefined();
});

test("a task is late by itself, and runs its own hook", () => {
  const run = new EngineFixture({
    tasks: {
      a: script({ sla: { startWithinMs: 1000, maxDurationMs: minuteMs }, hooks: { onLate: [hook] } }),
      b: script(),
    },
  });
  run.fire("late_start", "a");
  expect(run.task("a").flags?.late).toEqual(["startWithin"]);
  expect(run.states["a.hooks.onLate.0"]).toBe("dispatched");
  run.begin("a");
  run.fire("late_duration", "a");
  expect(run.task("a")).toMatchObject({ state: "running", flags: { late: ["startWithin", "maxDuration"] } });
  expect(lateEvents(run)).toEqual([
    ["a", "startWithin"],
    ["a", "maxDuration"],
  ]);
  expect(run.run.late).toBeUndefined();
});

test("a pause moves the marks of durations, and a time of day stays", () => {
  const run = new EngineFixture({ tasks: { a: script() }, sla: { maxDurationMs: minuteMs, finishBy: "07:30" } });
  const before = new Map(run.timers);
  run.send({ kind: "pause_run", actor: "ana", reason: "" });
  run.fire("late_duration");
  expect(run.run.late).toBeUndefined();
  run.nowMs += minuteMs;
  run.send({ kind: "resume_run", actor: "ana" });
  expect(run.timers.get("-1:late_duration")).toBe((before.get("-1:late_duration") ?? 0) + 2 * minuteMs);
  expect(run.timers.get("-1:late_finish")).toBe(before.get("-1:late_finish"));
});
