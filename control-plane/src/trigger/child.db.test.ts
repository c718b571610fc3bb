// Parents and children on PostgreSQL: what the rows between them promise when a process dies, and the whole by its routes.
import type { CanonicalWorkflow } from "@capstan/proto";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import { commitFixture } from "../testing/commit-fixture.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const fixture = await commitFixture(await cloneDatabase());
const server = await serverFixture(await cloneDatabase());
const { loop, pools, projectId, dispatchStore } = fixture;
afterAll(async () => {
  await loop.drained();
  await pools.close();
  await server.close();
});

const nap = { version: 1, name: "nap", tasks: { a: { action: { wait: { forMs: 600_000 } }, needs: [] } } } as const;
const caller = {
  version: 1,
  name: "caller",
  tasks: { call: { action: { workflow: { name: "nap" } }, needs: [] } },
} as const;
const asked = { inputs: {}, labels: {} };

const stateOf = async (runId: string): Promise<string> =>
  (await pools.engine.query<{ state: string }>("SELECT state FROM runs WHERE id = $1", [runId])).rows[0]?.state ??
  "none";

async function parentWithTimer(): Promise<{ runId: string; timer: DueTimer; childId: string }> {
  const edition = await fixture.deploy({ ...caller, name: `caller_${++made}` });
  const started = await loop.start({ edition, ...asked, trigger: { kind: "test" } });
  if (started.kind !== "started") throw new Error(started.kind);
  const due = await dispatchStore.dueTimers(100);
  const timer = due.find((one) => one.runId === started.runId && one.kind === "child_start");
  if (timer === undefined) throw new Error("no child was asked for");
  return { runId: started.runId, timer, childId: String(timer.body?.["runId"]) };
}
let made = 0;

const deployNap = (more: Pick<CanonicalWorkflow, "concurrency"> = {}) =>
  fixture.deploy({ ...nap, ...more, name: `nap_${++made}` });

async function startChild(of: { timer: DueTimer; childId: string }, edition = deployNap()) {
  const { runId, position, kind } = of.timer;
  return loop.start({
    edition: await edition,
    ...asked,
    trigger: { kind: "workflow", parent: { runId, position, depth: 2, wait: true } },
    runId: of.childId,
    claim: { runId, position, kind },
  });
}

/** What the timer loop does; here by hand, so that it can die before it. */
async function deliver(runId: string): Promise<number> {
  const due = (await dispatchStore.dueTimers(100)).filter((one) => one.runId === runId);
  for (const one of due) {
    await loop.submit(projectId, runId, {
      kind: "timer",
      position: one.position,
      timer: one.kind,
      ...(one.body === undefined ? {} : { body: one.body }),
    });
  }
  return due.length;
}

test("a child that is asked for twice, by two replicas or after a crash, is made once", async () => {
  const parent = await parentWithTimer();
  const outcomes = await Promise.all([startChild(parent), startChild(parent)]);
  expect(outcomes.map((one) => one.kind).toSorted()).toEqual(["started", "unclaimed"]);
  expect(await stateOf(parent.childId)).toBe("running");
  expect((await startChild(parent)).kind).toBe("unclaimed");
});

test("a start that comes late takes no row away that asks for the next child of the same task", async () => {
  const parent = await parentWithTimer();
  const late = { ...parent, childId: "00000000-0000-7000-8000-000000000001" };
  expect((await startChild(late)).kind).toBe("unclaimed");
  expect((await startChild(parent)).kind).toBe("started");
});

test("a child that is asked for twice is not refused by the place in its group that it takes itself", async () => {
  for (const onLimit of ["skip", "queue"] as const) {
    const edition = deployNap({ concurrency: { limit: 1, onLimit, maxQueued: 0 } });
    const parent = await parentWithTimer();
    const outcomes = [await startChild(parent, edition), await startChild(parent, edition)];
    expect(outcomes.map((one) => one.kind)).toEqual(["started", "unclaimed"]);
    expect((await startChild(await parentWithTimer(), edition)).kind).toMatch(/limit_reached|queue_full/);
  }
});

test("a parent that was cancelled before its child was made has none, and nothing is left that waits for it", async () => {
  const parent = await parentWithTimer();
  await loop.submit(projectId, parent.runId, { kind: "cancel_run", actor: "ana", reason: "", force: false });
  expect((await startChild(parent)).kind).toBe("unclaimed");
  expect(await stateOf(parent.childId)).toBe("none");
});

test("a cancel of the parent reaches its child by a row, although the process died right after the commit", async () => {
  const parent = await parentWithTimer();
  expect((await startChild(parent)).kind).toBe("started");
  await loop.submit(projectId, parent.runId, { kind: "cancel_run", actor: "ana", reason: "enough", force: false });
  expect([await stateOf(parent.runId), await stateOf(parent.childId)]).toEqual(["cancelled", "running"]);
  // Nobody was woken: another replica finds the row.
  expect(await deliver(parent.childId)).toBe(1);
  expect(await stateOf(parent.childId)).toBe("cancelled");
  expect(await deliver(parent.childId)).toBe(0);
});

test("a pause of the parent that comes before its child is made waits for the child", async () => {
  const parent = await parentWithTimer();
  await loop.submit(projectId, parent.runId, { kind: "pause_run", actor: "ana", reason: "" });
  const told = (await dispatchStore.dueTimers(100)).filter((one) => one.runId === parent.childId);
  expect(told.map((one) => one.kind)).toEqual(["parent_pause"]);
  for (const one of told) await dispatchStore.dropTimer(one); // as where the run is not found
  expect((await startChild(parent)).kind).toBe("started");
  expect(await deliver(parent.childId)).toBe(1);
  expect(await stateOf(parent.childId)).toBe("paused");
});

test("a child's end reaches its parent by a row", async () => {
  const parent = await parentWithTimer();
  await startChild(parent);
  await loop.submit(projectId, parent.childId, { kind: "skip_wait", position: 0, actor: "ana", reason: "" });
  expect([await stateOf(parent.runId), await stateOf(parent.childId)]).toEqual(["running", "succeeded"]);
  expect(await deliver(parent.runId)).toBe(1);
  expect(await stateOf(parent.runId)).toBe("succeeded");
});

const runs = "/projects/default/runs";
const start = async (workflow: string, inputs: object = {}): Promise<string> => {
  const { body } = await server.call("POST", `/projects/default/workflows/${workflow}/runs`, { inputs });
  return String(body["name"]);
};
const ended = (run: string) =>
  until(`${run} ended`, 20_000, async () => {
    const { body } = await server.call("GET", `${runs}/${run}`);
    return body["endedAt"] === null ? undefined : body;
  });
const deployAll = (...documents: string[]) =>
  server.call("POST", "/projects/default/deploys", {
    documents: documents.map((source, i) => ({ file: `${i}.yaml`, source })),
  });

const inner = `version: 1
name: inner
inputs: { n: integer }
tasks: { a: { wait: 10ms } }
outputs: { twice: "\${{ inputs.n * 2 }}" }
`;
const outer = `version: 1
name: outer
inputs: { n: integer }
tasks:
  call: { workflow: inner, with: { n: "\${{ inputs.n }}" } }
outputs: { twice: "\${{ tasks.call.outputs.twice }}", child: "\${{ tasks.call.outputs.runId }}" }
`;

test("a run of another workflow gives its outputs, shows who started it, and keeps the version of the parent's start", async () => {
  expect((await deployAll(inner, outer)).status).toBe(200);
  const parent = await ended(await start("outer", { n: 21 }));
  expect(parent).toMatchObject({ state: "succeeded", outputs: { twice: 42 } });
  const { child } = parent["outputs"] as { child: string }; // as declared above
  expect((await server.call("GET", `${runs}/${child}`)).body).toMatchObject({
    workflow: "inner",
    trigger: { kind: "workflow", run: "outer-1", task: "call" },
    // Both have 24 hours, and the child began later: its time is cut.
    deadlineAt: parent["deadlineAt"],
  });
});

test("a child that its concurrency does not take fails the task, and asks no more", async () => {
  const busy = `version: 1
name: busy
concurrency: { key: all, limit: 1, onLimit: skip }
tasks: { a: { wait: 1h } }
`;
  const { status, body } = await deployAll(busy, "version: 1\nname: hopeful\ntasks: { call: { workflow: busy } }\n");
  expect([status, body["errors"]]).toEqual([200, undefined]);
  await start("busy");
  expect(await ended(await start("hopeful"))).toMatchObject({ state: "failed", failure: { code: "child_failed" } });
});

test("a deploy refuses a workflow that is not there, inputs that do not fit, outputs that are not there, and circles", async () => {
  const codes = async (...documents: string[]): Promise<unknown[]> => {
    const { body } = await deployAll(...documents);
    return ((body["errors"] ?? []) as { code: string }[]).map(({ code }) => code); // of a problem document
  };
  const calls = (name: string, child: string, more = ""): string =>
    `version: 1\nname: ${name}\ntasks: { call: { workflow: ${child}${more} } }\n`;
  expect(await codes(calls("x", "ghost"))).toEqual(["unknown_workflow"]);
  expect(await codes(calls("x", "inner"))).toEqual(["with_mismatch"]);
  expect(await codes(calls("x", "inner", ", with: { n: text, m: 1 }"))).toEqual(["with_mismatch", "with_mismatch"]);
  expect(
    await codes(`${calls("x", "inner", ", with: { n: 1 }")}outputs: { a: "\${{ tasks.call.outputs.thrice }}" }\n`),
  ).toEqual(["unknown_name"]);
  // 106
  expect(await codes(calls("x", "y"), calls("y", "x"))).toEqual(["workflow_cycle"]);
  expect(await codes(calls("x", "x"))).toEqual(["workflow_cycle"]);
  expect(await codes(inner.replace("n: integer", "m: integer").replace("inputs.n", "inputs.m"))).toEqual([
    "breaks_caller",
    "breaks_caller",
  ]);
});

test("a child whose inputs turn out wrong fails the task and says why", async () => {
  await deployAll(
    inner.replace("name: inner", "name: picky").replace("n: integer", "n: { type: integer, maximum: 3 }"),
    outer.replace("name: outer", "name: eager").replace("workflow: inner", "workflow: picky"),
  );
  expect(await ended(await start("eager", { n: 4 }))).toMatchObject({
    state: "failed",
    failure: { code: "child_failed", task: "call" },
  });
});
