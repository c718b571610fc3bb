import { idFromUuid, type CanonicalTask, type JsonObject, type WorkflowAction } from "@capstan/proto";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import { depthMax } from "./child.ts";

const calls = (action: Partial<WorkflowAction> = {}, more: Partial<CanonicalTask> = {}): CanonicalTask => ({
  action: { workflow: { name: "report", ...action } },
  needs: [],
  ...more,
});

const childOf = (run: EngineFixture): string => {
  const { suspension } = run.task("call");
  if (suspension?.kind !== "child") throw new Error("no child");
  return suspension.runId;
};
const ended = (run: EngineFixture, body: JsonObject) =>
  run.deliver("call", "child_end", { runId: childOf(run), ...body });

/** The same run as a child of another one. */
const asChild = (parent: JsonObject): EngineFixture => {
  const run = new EngineFixture({ tasks: { a: script() } });
  run.run = { ...run.run, trigger: { parent } };
  return run;
};

test("a task asks for its child by a row, waits for it without a slot, and has its outputs and its id", () => {
  const run = new EngineFixture(
    {
      inputs: { day: { type: "string" } },
      tasks: { call: calls({}, { with: { day: { $expr: "inputs.day" } } }), next: script({ needs: ["call"] }) },
    },
    { day: "2027-01-05" },
  );
  expect(run.task("call")).toMatchObject({ state: "suspended", reason: { code: "waiting_run" }, attempts: 0 });
  expect(run.timers.get("0:child_start")).toBe(run.nowMs);
  expect(ended(run, { state: "succeeded", outputs: { rows: 3 } })).toEqual({ kind: "accepted" });
  const id = run.task("call").outputs?.["runId"];
  expect(run.task("call").outputs).toEqual({ rows: 3, runId: id });
  expect(String(id)).toMatch(/^run_/);
  expect(run.states["next"]).toBe("dispatched");
});

test("a child that ends badly fails the task; where retry names child, a new child comes after the back-off", () => {
  const once = new EngineFixture({ tasks: { call: calls() } });
  ended(once, { state: "failed", message: "load: exit code 1" });
  expect(once.run).toMatchObject({ state: "failed", failure: { class: "child", code: "child_failed" } });
  const again = new EngineFixture({
    tasks: { call: calls({}, { retry: { attempts: 2, causes: ["child"], delayMs: 1000, jitter: 0 } }) },
  });
  const first = childOf(again);
  ended(again, { state: "failed" });
  expect(again.task("call")).toMatchObject({ state: "suspended", reason: { code: "retry_backoff" } });
  again.deliver("call", "suspended");
  const second = childOf(again);
  expect(second).not.toBe(first);
  // What the first one still says changes nothing.
  expect(again.deliver("call", "child_end", { runId: first, state: "succeeded" })).toEqual({ kind: "duplicate" });
  again.deliver("call", "child_end", { runId: second, state: "timed_out" });
  expect(again.run.state).toBe("failed");
});

test("what another replica still tells of an earlier child takes nothing of the next one away", () => {
  const run = new EngineFixture({
    tasks: { call: calls({}, { retry: { attempts: 3, causes: ["child"], delayMs: 1000, jitter: 0 } }) },
  });
  const first = childOf(run);
  const notMade = { runId: first, problem: "the group is full" };
  run.deliver("call", "child_start", notMade);
  run.deliver("call", "suspended");
  const before = new Map(run.timers);
  expect([...before.keys()].toSorted()).toEqual(["0:child_start", "0:suspended"]);
  for (const [timer, body] of [
    ["child_start", notMade],
    ["child_end", { runId: first, state: "failed" }],
    ["suspended", undefined],
  ] as const) {
    const event = { kind: "timer", position: 0, timer, ...(body === undefined ? {} : { body }) } as const;
    expect(run.send(event)).toEqual({ kind: "duplicate" });
  }
  expect(run.timers).toEqual(before);
});

test("102 · cancel of the parent reaches the child, and a child that was not started yet never is", () => {
  const run = new EngineFixture({ tasks: { call: calls() } });
  const child = childOf(run);
  run.cancel();
  expect(run.run.state).toBe("cancelled");
  expect([...run.timers.keys()]).not.toContain("0:child_start");
  expect(run.handOvers).toEqual([
    { runId: child, position: -1, kind: "parent_cancel", body: { actor: "ana", reason: "enough" } },
  ]);
  const other = asChild({ runId: "p", position: 0, depth: 2, wait: true });
  expect(other.send({ kind: "timer", position: -1, timer: "parent_cancel", body: { actor: "ana" } })).toEqual({
    kind: "accepted",
  });
  expect(other.run.state).toBe("cancelling");
  expect(other.run.cancel).toMatchObject({ actor: "ana" });
});

test("102 · pause and resume of the parent reach the child, and come back harmless", () => {
  const run = new EngineFixture({ tasks: { call: calls() } });
  const child = childOf(run);
  run.send({ kind: "pause_run", actor: "ana", reason: "wait" });
  run.send({ kind: "resume_run", actor: "ana" });
  expect(run.handOvers.map(({ runId, kind }) => [runId, kind])).toEqual([
    [child, "parent_pause"],
    [child, "parent_resume"],
  ]);
  const other = asChild({ runId: "p", position: 0, depth: 2, wait: true });
  const hear = (timer: "parent_pause" | "parent_resume") =>
    other.send({ kind: "timer", position: -1, timer, body: { actor: "ana", reason: "wait" } }).kind;
  expect([hear("parent_pause"), hear("parent_pause")]).toEqual(["accepted", "duplicate"]);
  expect(other.run.state).toBe("paused");
  expect(hear("parent_resume")).toBe("accepted");
  expect(other.run.state).toBe("running");
});

test("a child tells its end to the task that started it, once", () => {
  const run = asChild({ runId: "parent", position: 3, depth: 2, wait: true });
  run.finish("a");
  expect(run.handOvers).toEqual([
    {
      runId: "parent",
      position: 3,
      kind: "child_end",
      body: { runId: run.run.id, state: "succeeded", outputs: {} },
    },
  ]);
});

test("wait: false is content with a child that exists, and leaves it alone", () => {
  const run = new EngineFixture({ tasks: { call: calls({ wait: false }), slow: script() } });
  const child = childOf(run);
  ended(run, { state: "started" });
  expect(run.task("call")).toMatchObject({ state: "succeeded", outputs: { runId: idOf(child) } });
  run.cancel();
  expect(run.handOvers).toEqual([]);
});

const idOf = (uuid: string): string => idFromUuid("run", uuid);

test("a chain of runs that start each other ends at its limit", () => {
  const run = new EngineFixture({ tasks: { a: script(), call: calls({}, { needs: ["a"] }) } });
  run.run = { ...run.run, trigger: { parent: { runId: "p", position: 0, depth: depthMax, wait: true } } };
  run.finish("a");
  expect(run.task("call")).toMatchObject({ state: "failed", failure: { code: "child_failed" } });
});

test("the timeout of the task stops its child too", () => {
  const run = new EngineFixture({ tasks: { call: calls({}, { timeoutMs: 1000 }) } });
  const child = childOf(run);
  run.deliver("call", "suspended_timeout");
  expect(run.task("call").state).toBe("timed_out");
  expect(run.handOvers.map(({ runId, kind }) => [runId, kind])).toEqual([[child, "parent_cancel"]]);
});

test("a mark ends a task whose child goes on, stops the child, and leaves no timer", () => {
  const run = new EngineFixture({ tasks: { call: calls() } });
  const child = childOf(run);
  const mark = { state: "skipped", actor: "user:ana", reason: "not today" } as const;
  expect(run.send({ kind: "mark_task", position: 0, mark })).toEqual({ kind: "accepted" });
  expect(run.states["call"]).toBe("skipped");
  expect(run.handOvers.map(({ runId, kind }) => [runId, kind])).toEqual([[child, "parent_cancel"]]);
  expect([...run.timers.keys()]).toEqual([]);
});
