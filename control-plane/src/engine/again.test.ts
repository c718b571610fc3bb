import type { CanonicalTask, CanonicalWorkflow, JsonObject } from "@capstan/proto";
import { expect, test } from "vitest";
import { EngineFixture, script } from "../testing/engine-fixture.ts";
import { filesOf, planAgain, type AgainMode, type AgainPlan } from "./again.ts";
import { keepIndexes } from "./index-reuse.ts";
import type { Mark } from "./marked.ts";
import { compilePlan } from "./plan.ts";

type Tasks = Readonly<Record<string, CanonicalTask>>;
const needs = (...keys: string[]) => script({ needs: keys });

interface Options {
  readonly mode?: AgainMode;
  readonly from?: string;
  readonly marks?: Readonly<Record<string, Mark>>;
  readonly inputs?: JsonObject;
  readonly vars?: JsonObject;
  readonly document?: Partial<CanonicalWorkflow> & { readonly tasks: Tasks };
  readonly filesGone?: ReadonlySet<string>;
}

/** What a retry of an ended run re-uses, and the new run where there is one. */
function retry(earlier: EngineFixture, options: Options = {}): { planned: AgainPlan; run: EngineFixture | undefined } {
  const document: CanonicalWorkflow = { ...earlier.run.plan.document, ...options.document };
  const plan = compilePlan("sha256:1", document);
  const at = (key: string): number => plan.positionOf.get(key) ?? -1;
  const marks = new Map(Object.entries(options.marks ?? {}).map(([key, mark]) => [at(key), mark]));
  const inputs = options.inputs ?? earlier.run.inputs;
  const planned = planAgain({
    earlier: earlier.run,
    earlierName: "test-1",
    plan,
    inputs,
    vars: options.vars ?? {},
    mode: options.mode ?? "failed",
    from: options.from === undefined ? undefined : at(options.from),
    marks,
    filesGone: options.filesGone ?? new Set(),
  });
  if (planned.kind !== "planned") return { planned, run: undefined };
  const origin = { kind: "retry", runId: earlier.run.id, name: "test-1", actor: "ana", attempt: 2 } as const;
  const kept = { ...origin, ...keepIndexes(planned.indexes) };
  return { planned, run: new EngineFixture(document, inputs, { origin: kept, reused: planned.reused, marks }) };
}

const failed = { class: "error", code: "exit", message: "exit code 1", exitCode: 1 } as const;

test("a retry re-uses what succeeded and runs what failed, and all after it, anew", () => {
  const first = new EngineFixture({
    tasks: { a: script({ outputs: { rows: { type: "integer" } } }), b: needs("a"), c: needs("b"), d: script() },
  });
  first.finish("a", { outputs: { rows: 7 } });
  first.finish("d");
  first.fail("b");
  expect(first.states).toEqual({ a: "succeeded", b: "failed", c: "skipped", d: "succeeded" });
  const { run } = retry(first);
  expect(run?.states).toEqual({ a: "succeeded", b: "dispatched", c: "waiting", d: "succeeded" });
  expect(run?.task("a")).toMatchObject({
    attempts: 0,
    live: undefined,
    outputs: { rows: 7 },
    flags: { reused: { runId: first.run.id, run: "test-1" } },
  });
  run?.finish("b");
  run?.finish("c");
  expect(run?.run).toMatchObject({ state: "succeeded", origin: { attempt: 2 } });
  expect(first.run.state).toBe("failed");
});

test("a retry of a retry names the run where a task was really executed", () => {
  const first = new EngineFixture({ tasks: { a: script(), b: needs("a") } });
  first.finish("a");
  first.fail("b");
  const second = retry(first).run;
  second?.fail("b");
  if (second === undefined) throw new Error("no second run");
  const third = retry(second).run;
  expect(third?.task("a").flags?.reused?.runId).toBe(first.run.id);
});

test("what was cancelled or whose failure was tolerated runs anew, and what needs it too", () => {
  const first = new EngineFixture({
    tasks: { t: script({ allowFailure: true }), after: needs("t"), c: script(), f: script() },
  });
  first.fail("t");
  first.finish("after");
  first.send({ kind: "cancel_task", position: first.position("c"), actor: "ana", reason: "" });
  first.finish("c");
  first.fail("f");
  expect(first.states).toEqual({ t: "failed", after: "succeeded", c: "cancelled", f: "failed" });
  const { run } = retry(first);
  expect(run?.states).toEqual({ t: "dispatched", after: "waiting", c: "dispatched", f: "dispatched" });
});

test("a skip is decided anew; where it cannot come out otherwise, what follows it is still re-used", () => {
  const tasks: Tasks = {
    x: script({ if: { $expr: "inputs.go" } }),
    y: script(),
    d: script({ needs: ["x", "y"], join: "none_failed" }),
    f: script(),
  };
  const first = new EngineFixture({ inputs: { go: { type: "boolean" } }, tasks }, { go: false });
  first.finish("y");
  first.finish("d");
  first.fail("f");
  expect(retry(first).run?.states).toEqual({ x: "skipped", y: "succeeded", d: "succeeded", f: "dispatched" });
  // The input that decided the skip is another one: x runs, and d waits for it.
  expect(retry(first, { inputs: { go: true } }).run?.states).toMatchObject({ x: "dispatched", d: "waiting" });
  const byAttempt = new EngineFixture({ tasks: { ...tasks, x: script({ if: { $expr: "run.attempt > 1" } }) } });
  byAttempt.finish("y");
  byAttempt.finish("d");
  byAttempt.fail("f");
  expect(retry(byAttempt).run?.states).toMatchObject({ x: "dispatched", y: "succeeded", d: "waiting" });
});

test("from a task: it and all after it run anew, and all else is re-used", () => {
  const first = new EngineFixture({ tasks: { a: script(), b: needs("a"), c: needs("b"), d: script() } });
  for (const key of ["a", "d", "b", "c"]) first.finish(key);
  const { run } = retry(first, { mode: "from", from: "b" });
  expect(run?.states).toEqual({ a: "succeeded", b: "dispatched", c: "waiting", d: "succeeded" });
});

test("from a task, with something else that cannot be re-used: refused, with what and why", () => {
  const file = { $file: { name: "x", size: 1, sha256: "f".repeat(64), mediaType: "text/plain" } };
  const first = new EngineFixture({
    tasks: { a: script({ outputs: { out: { type: "file" } } }), b: needs("a"), c: needs("b"), f: script() },
  });
  first.finish("a", { outputs: { out: file } });
  first.finish("b");
  first.finish("c");
  first.fail("f");
  expect([...filesOf(first.run)]).toEqual(["f".repeat(64)]);
  const { planned } = retry(first, { mode: "from", from: "c", filesGone: filesOf(first.run) });
  expect(planned).toEqual({
    kind: "not_reusable",
    tasks: [
      { task: "a", why: "a file that it made is gone" },
      { task: "b", why: "it needs a, which runs anew" },
      { task: "f", why: "it is failed" },
    ],
  });
  // What cannot be re-used only runs anew where nobody asked for a beginning.
  expect(retry(first, { filesGone: filesOf(first.run) }).run?.states).toMatchObject({ a: "dispatched", b: "waiting" });
});

test("another version, other code or another input that a task reads are not the same task", () => {
  const read = script({ env: { N: { $expr: "inputs.n" } } });
  const python = script({ action: { python: { call: "jobs:load" } } });
  const tasks: Tasks = { read, python, plain: script({ title: "before" }), f: script() };
  const declared = { inputs: { n: { type: "integer" } }, code: { bundle: "one" } } as const;
  const first = new EngineFixture({ ...declared, tasks }, { n: 1 });
  for (const key of ["read", "python", "plain"]) first.finish(key);
  first.fail("f");
  expect(retry(first).run?.states).toMatchObject({ read: "succeeded", python: "succeeded", plain: "succeeded" });
  expect(retry(first, { inputs: { n: 2 } }).run?.states).toMatchObject({ read: "dispatched", python: "succeeded" });
  const other = { ...declared, code: { bundle: "two" }, tasks: { ...tasks, plain: script({ title: "after" }) } };
  expect(retry(first, { document: other }).run?.states).toMatchObject({
    read: "succeeded",
    python: "dispatched",
    plain: "succeeded",
  });
  const changed = { tasks: { ...tasks, plain: script({ action: { run: { script: "false" } } }), fresh: script() } };
  expect(retry(first, { document: changed }).run?.states).toMatchObject({ plain: "dispatched", fresh: "dispatched" });
});

test("all: nothing is re-used, and the time that the run was for stays", () => {
  const first = new EngineFixture({ tasks: { a: script(), b: script() } });
  first.finish("a");
  first.fail("b");
  expect(retry(first, { mode: "all" }).run?.states).toEqual({ a: "dispatched", b: "dispatched" });
});

test("a mark is part of a retry: the task ends by a person's word, and what needs it goes on from there", () => {
  const first = new EngineFixture({
    tasks: { a: script({ outputs: { rows: { type: "integer" } } }), b: needs("a") },
  });
  first.fail("a");
  const mark = { state: "succeeded", actor: "ana", reason: "loaded by hand", outputs: { rows: 3 } } as const;
  const { run } = retry(first, { marks: { a: mark } });
  expect(run?.states).toEqual({ a: "succeeded", b: "dispatched" });
  expect(run?.task("a")).toMatchObject({
    attempts: 0,
    outputs: { rows: 3 },
    flags: { marked: { actor: "ana", reason: "loaded by hand" } },
  });
  expect(first.run.failure).toMatchObject({ ...failed, task: "a" });
});

test("a mapped task whose indexes all succeeded is re-used as a whole, with its results", () => {
  const tasks: Tasks = {
    each: script({ forEach: [10, 20], outputs: { n: { type: "integer" } } }),
    sum: script({ needs: ["each"], env: { R: { $expr: "tasks.each.results" } } }),
    after: needs("sum"),
  };
  const first = new EngineFixture({ tasks });
  first.finish("each.0", { outputs: { n: 1 } });
  first.finish("each.1", { outputs: { n: 2 } });
  first.fail("sum");
  expect(first.run.state).toBe("failed");
  const { run } = retry(first);
  expect(run?.states).toMatchObject({ each: "succeeded", sum: "dispatched", after: "waiting" });
  expect(run?.task("each.1")).toMatchObject({
    state: "succeeded",
    attempts: 0,
    outputs: { n: 2 },
    flags: { reused: {} },
  });
  run?.finish("sum");
  run?.finish("after");
  expect(run?.run.state).toBe("succeeded");
  const other = retry(first, { document: { tasks: { ...tasks, each: script({ forEach: [10, 30] }) } } });
  expect(other.run?.states).toMatchObject({ each: "running", sum: "waiting" });
  expect(other.run?.task("each.0").state).toBe("dispatched");
});

test("of a mapped task that failed, the indexes that succeeded are re-used where their item is the same", () => {
  const tasks: Tasks = {
    list: script({ outputs: { items: { type: "array" } } }),
    each: script({
      needs: ["list"],
      forEach: { $expr: "tasks.list.outputs.items.map(x, run.attempt > 1 && x == 30.0 ? 31.0 : x)" },
      outputs: { n: { type: "integer" } },
    }),
    sum: script({ needs: ["each"], env: { R: { $expr: "tasks.each.results" } } }),
  };
  const first = new EngineFixture({ tasks });
  first.finish("list", { outputs: { items: [10, 20, 30] } });
  first.finish("each.0", { outputs: { n: 1 } });
  first.fail("each.1");
  first.finish("each.2", { outputs: { n: 3 } });
  expect(first.run.state).toBe("failed");
  const { run } = retry(first);
  if (run === undefined) throw new Error("no run");
  // The third item is another one in this run.
  expect(run.states).toMatchObject({ each: "running", sum: "waiting" });
  expect(run.task("each.0")).toMatchObject({
    state: "succeeded",
    attempts: 0,
    outputs: { n: 1 },
    flags: { reused: { runId: first.run.id, run: "test-1" } },
  });
  expect(run.task("each.1").state).toBe("dispatched");
  expect(run.task("each.2")).toMatchObject({ state: "dispatched" });
  run.finish("each.1", { outputs: { n: 2 } });
  run.fail("each.2");
  // The next retry re-uses what was executed in either of them, and says where.
  const third = retry(run).run;
  expect(third?.task("each.0").flags?.reused?.runId).toBe(first.run.id);
  expect(third?.task("each.1").flags?.reused?.runId).toBe(run.run.id);
  expect(third?.task("each.2").state).toBe("dispatched");
});

test("an index of a chain is re-used together with the one before it, and not where the chain asks about the others", () => {
  const chain = (more: Partial<CanonicalTask> = {}): Tasks => ({
    a: script({ forEach: [1, 2], outputs: { n: { type: "integer" } } }),
    b: script({ forEach: { chain: "a" }, needs: ["a"], env: { P: { $expr: "prev.outputs.n" } }, ...more }),
  });
  const broken = (tasks: Tasks): EngineFixture => {
    const first = new EngineFixture({ tasks });
    first.finish("a.0", { outputs: { n: 1 } });
    first.finish("b.0");
    first.fail("a.1");
    expect(first.states).toMatchObject({ a: "failed", b: "succeeded" });
    return first;
  };
  const { run } = retry(broken(chain()));
  expect([run?.task("a.0").state, run?.task("b.0").state, run?.task("a.1").state]).toEqual([
    "succeeded",
    "succeeded",
    "dispatched",
  ]);
  run?.finish("a.1", { outputs: { n: 2 } });
  expect(run?.task("b.1").state).toBe("dispatched");
  const asking = retry(broken(chain({ if: { $expr: "tasks.a.counts.total > index" } }))).run;
  expect([asking?.task("a.0").state, asking?.task("b.0").state]).toEqual(["succeeded", "dispatched"]);
});

test("another task, a file that is gone or everything anew: no index is re-used", () => {
  const file = { $file: { name: "f", size: 1, sha256: "a".repeat(64), mediaType: "text/plain" } };
  const first = new EngineFixture({ tasks: { each: script({ forEach: [1, 2], outputs: { f: { type: "file" } } }) } });
  first.finish("each.0", { outputs: { f: file } });
  first.fail("each.1");
  const states = (options: Options): unknown => retry(first, options).run?.task("each.0").state;
  expect(states({})).toBe("succeeded");
  expect(states({ mode: "all" })).toBe("dispatched");
  expect(states({ filesGone: new Set(["a".repeat(64)]) })).toBe("dispatched");
  expect(states({ document: { tasks: { each: script({ forEach: [1, 2], env: { A: "1" } }) } } })).toBe("dispatched");
});
