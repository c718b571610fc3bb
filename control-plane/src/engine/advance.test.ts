import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";

const needs = (...keys: string[]) => script({ needs: keys });

test("a failure skips all that needs it, through every level, and fails the run by name", () => {
  const run = new EngineFixture({ tasks: { a: script(), b: needs("a"), c: needs("a"), d: needs("b", "c") } });
  run.fail("a");
  expect(run.states).toEqual({ a: "failed", b: "skipped", c: "skipped", d: "skipped" });
  expect(run.run).toMatchObject({ state: "failed", failure: { task: "a", code: "exit", message: "exit code 1" } });
  expect(run.task("d").reason).toMatchObject({ code: "skipped_by_need" });
});

test("a condition that is false skips its task and what needs it, and the run succeeds", () => {
  const run = new EngineFixture({ tasks: { a: script({ if: { $expr: "inputs.go" } }), b: needs("a") } }, { go: false });
  expect(run.states).toEqual({ a: "skipped", b: "skipped" });
  expect(run.run.state).toBe("succeeded");
  expect(run.task("a").reason).toMatchObject({
    code: "skipped_by_condition",
    evidence: { values: { "inputs.go": false } },
  });
});

test("none_failed runs past a skip, but not past a skip with a failure behind it", () => {
  const branch = new EngineFixture(
    {
      tasks: {
        x: script({ if: { $expr: "inputs.go" } }),
        y: script(),
        d: script({ needs: ["x", "y"], join: "none_failed" }),
      },
    },
    { go: false },
  );
  branch.finish("y");
  expect(branch.states["d"]).toBe("dispatched");
  const failed = new EngineFixture({
    tasks: { p: script(), x: needs("p"), y: script(), d: script({ needs: ["x", "y"], join: "none_failed" }) },
  });
  failed.finish("y");
  failed.fail("p");
  expect(failed.states).toMatchObject({ x: "skipped", d: "skipped" });
});

test("a handler runs after a failure and does not make the run succeed; without a failure it is skipped", () => {
  const tasks = { a: script(), b: script({ needs: ["a"], if: { $expr: "failure()" } }) };
  const failed = new EngineFixture({ tasks });
  failed.fail("a");
  failed.finish("b");
  expect(failed.run.state).toBe("failed");
  const ok = new EngineFixture({ tasks });
  ok.finish("a");
  expect(ok.states["b"]).toBe("skipped");
  expect(ok.run.state).toBe("succeeded");
});

test("a tolerated failure lets the others go on and the run succeed", () => {
  const run = new EngineFixture({ tasks: { a: script({ allowFailure: true }), b: needs("a") } });
  run.fail("a");
  run.finish("b");
  expect(run.states).toEqual({ a: "failed", b: "succeeded" });
  expect(run.run.state).toBe("succeeded");
});

test("one_success starts with the first success", () => {
  const run = new EngineFixture({
    tasks: { a: script(), b: script(), c: script({ needs: ["a", "b"], join: "one_success" }) },
  });
  run.finish("a");
  expect(run.states).toMatchObject({ b: "dispatched", c: "dispatched" });
});

test("attempts: 3 that always fail are three attempts with growing epochs, and then a failure", () => {
  const run = new EngineFixture({ tasks: { a: script({ retry: { attempts: 3, delayMs: 1000, jitter: 0 } }) } });
  const epochs: number[] = [];
  const after: unknown[] = [];
  for (let n = 1; n <= 3; n++) {
    epochs.push(run.task("a").epoch);
    run.fail("a");
    after.push([run.states["a"], run.timers.size]);
    if (n < 3) run.retry("a");
  }
  expect(after).toEqual([
    ["retrying", 1],
    ["retrying", 1],
    ["failed", 0],
  ]);
  expect(run.states["a"]).toBe("failed");
  expect(run.task("a").attempts).toBe(3);
  expect(epochs).toEqual([1_000_001, 1_000_002, 1_000_003]);
});

test("an attempt lost after its start is replaced once, with a higher epoch and no try spent", () => {
  const run = new EngineFixture({ tasks: { a: script() } });
  const first = run.task("a").epoch;
  run.begin("a");
  run.lose("a");
  expect(run.states["a"]).toBe("dispatched");
  expect(run.task("a").epoch).toBeGreaterThan(first);
  expect(run.task("a").tries).toMatchObject({ paid: 0, lost: 1 });
  run.begin("a");
  run.lose("a");
  expect(run.states["a"]).toBe("failed");
  expect(run.task("a").failure).toMatchObject({ class: "lost" });
});

test("onLost: fail means at most one start, but an offer that never arrived was none", () => {
  const run = new EngineFixture({ tasks: { a: script({ onLost: "fail" }) } });
  run.lose("a", "offer_lost");
  expect(run.states["a"]).toBe("dispatched");
  run.begin("a");
  run.lose("a");
  expect(run.states["a"]).toBe("failed");
});

test("what an agent gives back is queued again and spends nothing", () => {
  const run = new EngineFixture({ tasks: { a: script() } });
  run.begin("a");
  run.lose("a", "given_back");
  expect(run.states["a"]).toBe("dispatched");
  expect(run.task("a").tries).toEqual({ paid: 0, lost: 0, setup: 0, rejected: 0, unstarted: 0 });
});

test("declared outputs that are missing or of another type fail the task without a retry", () => {
  const task = script({ outputs: { rows: { type: "integer" } }, retry: { attempts: 5 } });
  const missing = new EngineFixture({ tasks: { a: task } });
  expect(missing.finish("a", { outputs: {} })).toMatchObject({ kind: "invalid", code: "output_missing" });
  expect(missing.run).toMatchObject({ state: "failed", failure: { class: "output", code: "output_missing" } });
  const wrong = new EngineFixture({ tasks: { a: task } });
  expect(wrong.finish("a", { outputs: { rows: "abc" } })).toMatchObject({ kind: "invalid", code: "output_invalid" });
  const good = new EngineFixture({
    tasks: { a: task },
    outputs: { n: { value: { $expr: "tasks.a.outputs.rows + 1" } } },
  });
  good.finish("a", { outputs: { rows: 41 } });
  expect(good.run).toMatchObject({ state: "succeeded", outputs: { n: 42 } });
});

test("a task that says skip me is skipped by itself", () => {
  const run = new EngineFixture({ tasks: { a: script(), b: needs("a") } });
  run.finish("a", { skip: true });
  expect(run.states).toEqual({ a: "skipped", b: "skipped" });
  expect(run.task("a").reason?.code).toBe("skipped_by_task");
});

test("a cancel stops what runs through its agent, lets cleanup run, and wins over a late success", () => {
  const run = new EngineFixture({
    tasks: { a: script(), b: needs("a"), c: script({ needs: ["a"], if: { $expr: "always()" } }) },
  });
  run.begin("a");
  expect(run.cancel()).toEqual({ kind: "accepted" });
  expect(run.states).toEqual({ a: "cancelling", b: "cancelled", c: "waiting" });
  run.finish("a", { outputs: { x: 1 } });
  expect(run.states).toMatchObject({ a: "cancelled", c: "dispatched" });
  expect(run.task("a").outputs).toBeUndefined();
  run.finish("c");
  expect(run.run.state).toBe("cancelled");
  expect(run.cancel()).toMatchObject({ kind: "refused", code: "state_conflict" });
});

test("a forced cancel, and the end of the time for cleanup, spare no task", () => {
  const tasks = { a: script(), c: script({ if: { $expr: "always()" } }) };
  const forced = new EngineFixture({ tasks });
  forced.cancel(true);
  expect(forced.states).toEqual({ a: "cancelling", c: "cancelling" });
  const late = new EngineFixture({ tasks });
  late.cancel();
  expect(late.states["c"]).toBe("dispatched");
  late.send({ kind: "timer", position: -1, timer: "cleanup" });
  expect(late.states["c"]).toBe("cancelling");
});

test("a run whose time is up ends timed_out, not before, and says so", () => {
  const run = new EngineFixture({ tasks: { a: script() }, timeoutMs: 60_000 });
  expect(run.send({ kind: "deadline" })).toEqual({ kind: "duplicate" });
  run.nowMs += 60_000;
  run.send({ kind: "deadline" });
  expect(run.run.state).toBe("cancelling");
  run.finish("a", { outcome: "cancelled" });
  expect(run.run).toMatchObject({ state: "timed_out", failure: { code: "timeout" } });
});

test("a run whose time is up before it began is timed out too, and its hooks of failure are told", () => {
  const run = new EngineFixture({
    tasks: { a: script() },
    timeoutMs: 60_000,
    hooks: {
      onFailure: [{ action: { run: { script: "true" } } }],
      onCancel: [{ action: { run: { script: "true" } } }],
    },
  });
  // As one that waits for its group.
  run.run = { ...run.run, state: "queued", startedMs: undefined, tasks: run.run.tasks.map(() => undefined) };
  run.run = { ...run.run, openTasks: 0 };
  run.nowMs += 60_000;
  run.send({ kind: "deadline" });
  expect(run.run).toMatchObject({ state: "timed_out", failure: { code: "timeout" } });
  expect(Object.keys(run.states)).toEqual(["hooks.onFailure.0"]);
});

test("a task cancelled by hand skips what needs it and cancels the run at its end", () => {
  const run = new EngineFixture({ tasks: { a: script(), b: needs("a"), c: script() } });
  run.send({ kind: "cancel_task", position: run.position("a"), actor: "ana", reason: "stuck" });
  run.finish("a", { outcome: "cancelled" });
  expect(run.states).toMatchObject({ a: "cancelled", b: "skipped" });
  run.finish("c");
  expect(run.run.state).toBe("cancelled");
});

test("hooks are task runs after the outcome, and change nothing about it", () => {
  const run = new EngineFixture({
    tasks: { a: script() },
    hooks: {
      onSuccess: [{ action: { run: { script: "true" } } }],
      onFailure: [{ action: { run: { script: "true" } }, if: { $expr: 'run.failure.task == "a"' } }],
      onEnd: [{ action: { run: { script: "true" } } }],
    },
  });
  run.fail("a");
  expect(run.run.state).toBe("failed");
  expect(run.states).toEqual({ a: "failed", "hooks.onFailure.0": "dispatched", "hooks.onEnd.0": "dispatched" });
  run.finish("hooks.onFailure.0");
  run.finish("hooks.onEnd.0");
  expect(run.run).toMatchObject({ state: "failed", openHooks: 0, openTasks: 0 });
});

test("three counted rejections park a task run with the reason, uncounted ones do not", () => {
  const run = new EngineFixture({ tasks: { a: script() } });
  const reject = (reason: string) => {
    const live = run.task("a").live;
    if (live === undefined) throw new Error("nothing to reject");
    return run.send({
      kind: "attempt_rejected",
      attemptId: live.id,
      epoch: live.epoch,
      by: { agentId: "agent-1", session: 1 },
      reason,
      detail: "no",
    });
  };
  for (let i = 0; i < 5; i++) reject("no_slot");
  expect(run.states["a"]).toBe("dispatched");
  reject("policy_denied");
  expect(run.task("a").reason?.code).toBe("dispatch_backoff");
  run.send({ kind: "timer", position: 0, timer: "dispatch_backoff" });
  reject("policy_denied");
  run.send({ kind: "timer", position: 0, timer: "dispatch_backoff" });
  reject("policy_denied");
  expect(run.states["a"]).toBe("queued");
  expect(run.task("a").reason).toMatchObject({ code: "parked", evidence: { rejections: 3, reason: "policy_denied" } });
});

test("terminal states never change, whatever comes late", () => {
  const run = new EngineFixture({ tasks: { a: script() } });
  const live = run.task("a").live;
  run.finish("a");
  const before = run.run;
  if (live === undefined) throw new Error("no attempt");
  const late = { attemptId: live.id, epoch: live.epoch, by: { agentId: "agent-1", session: 1 } };
  expect(run.send({ kind: "attempt_finished", ...late, result: { outcome: "failed" } }).kind).toBe("lease_lost");
  expect(run.send({ kind: "attempt_started", ...late, atMs: 1 }).kind).toBe("lease_lost");
  expect(run.send({ kind: "attempt_lost", attemptId: live.id, epoch: live.epoch, cause: "lease_over" }).kind).toBe(
    "lease_lost",
  );
  expect(run.run).toBe(before);
});

test("events of a task are taken in order, once each", () => {
  const run = new EngineFixture({ tasks: { a: script() } });
  const live = run.task("a").live;
  if (live === undefined) throw new Error("no attempt");
  const tell = (seq: number) =>
    run.send({
      kind: "attempt_event",
      attemptId: live.id,
      epoch: live.epoch,
      by: { agentId: "agent-1", session: 1 },
      seq,
      atMs: 1,
      type: "note",
      body: { text: `n${seq}` },
    });
  expect([tell(1), tell(3), tell(2), tell(2), tell(3)]).toEqual([
    { kind: "accepted" },
    { kind: "expect", seq: 2 },
    { kind: "accepted" },
    { kind: "duplicate" },
    { kind: "accepted" },
  ]);
  expect(run.history.filter((item) => item.type === "task.note")).toHaveLength(3);
});

test("a failure that comes when the task's time was over long ago ends it as timed out", () => {
  const run = new EngineFixture({ tasks: { a: script({ timeoutMs: 1000 }) } });
  run.begin("a");
  const { live } = run.task("a");
  if (live === undefined) throw new Error("no live attempt");
  run.send({ kind: "backstop", position: 0, attemptId: live.id, epoch: live.epoch });
  expect(run.states).toEqual({ a: "cancelling" });
  expect(run.fail("a")).toEqual({ kind: "accepted" });
  expect(run.task("a")).toMatchObject({ state: "timed_out", failure: { class: "timeout" } });
  expect(run.run.state).toBe("failed");
});

test("a success that comes when the task's time was over ends it as timed out too, and cancels nothing", () => {
  const run = new EngineFixture({ tasks: { a: script({ timeoutMs: 1000 }) } });
  run.begin("a");
  const { live } = run.task("a");
  if (live === undefined) throw new Error("no live attempt");
  run.send({ kind: "backstop", position: 0, attemptId: live.id, epoch: live.epoch });
  run.finish("a", { outputs: {} });
  expect(run.task("a")).toMatchObject({ state: "timed_out", failure: { class: "timeout" }, outputs: undefined });
  expect(run.run.state).toBe("failed");
});

test("what was found overdue stops no later attempt of the same task run", () => {
  const run = new EngineFixture({ tasks: { a: script({ timeoutMs: 1000 }) } });
  run.begin("a");
  const { live } = run.task("a");
  if (live === undefined) throw new Error("no live attempt");
  run.lose("a");
  expect(run.send({ kind: "backstop", position: 0, attemptId: live.id, epoch: live.epoch }).kind).toBe("duplicate");
  expect(run.states).toEqual({ a: "dispatched" });
});

test("a hook with a condition is asked after a cancel too, and runs", () => {
  const run = new EngineFixture({
    tasks: { a: script() },
    hooks: {
      onCancel: [{ action: { run: { script: "true" } }, if: { $expr: 'run.state == "cancelled"' } }],
      onEnd: [{ action: { run: { script: "true" } }, if: { $expr: 'run.state == "failed"' } }],
    },
  });
  run.cancel();
  run.finish("a");
  expect(run.run.state).toBe("cancelled");
  expect(run.states).toMatchObject({ "hooks.onCancel.0": "dispatched", "hooks.onEnd.0": "skipped" });
});

test("the timer of an earlier wait, seen by another replica, does not end the wait that followed it", () => {
  const run = new EngineFixture({ tasks: { a: script({ retry: { attempts: 3, delayMs: 10_000, jitter: 0 } }) } });
  run.fail("a");
  run.retry("a");
  run.fail("a");
  const stale = { kind: "timer", position: 0, timer: "retry" } as const;
  expect(run.send(stale)).toEqual({ kind: "duplicate" });
  expect(run.states).toEqual({ a: "retrying" });
  expect(run.timers.has("0:retry")).toBe(true);
  run.retry("a");
  expect(run.states).toEqual({ a: "dispatched" });
});

test("a start that an agent has told and forgotten again counts as a start: onLost: fail is obeyed", () => {
  const run = new EngineFixture({ tasks: { a: script({ onLost: "fail" }) } });
  run.begin("a");
  run.finish("a", { outcome: "lost", mayHaveStarted: false });
  expect(run.states["a"]).toBe("failed");
});
