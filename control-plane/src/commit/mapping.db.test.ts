import type { CanonicalTask } from "@capstan/proto";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { taskAt, type Run } from "../engine/snapshot.ts";
import { PgRunStore } from "../database/store/run.store.ts";
import { commitFixture, newId } from "../testing/commit-fixture.ts";
import type { GivenOffer } from "../testing/memory-sessions.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, sessions, pools, projectId, store } = fixture;
afterAll(() => pools.close());
await fixture.addAgent(1000);

const script: CanonicalTask = { action: { run: { script: "true" } }, needs: [] };
const start = { inputs: {}, labels: {}, trigger: { kind: "test" } };
const workflow = (tasks: Record<string, CanonicalTask>) =>
  fixture.deploy({ version: 1, name: `w${newId().slice(-8)}`, tasks });

function report(given: GivenOffer, outcome: "succeeded" | "failed", outputs = {}) {
  const failure = { class: "error", code: "exit", message: "exit code 1" } as const;
  return loop.submit(projectId, given.attempt.runId, {
    kind: "attempt_finished",
    attemptId: given.attempt.attemptId,
    epoch: given.attempt.epoch,
    by: { agentId: given.slot.agentId, session: given.slot.session },
    result: { outcome, outputs, ...(outcome === "failed" ? { failure } : {}) },
  });
}

async function loaded(runId: string): Promise<Run> {
  const [run] = await store.loadRuns([{ projectId, runId }]);
  if (run === undefined) throw new Error(`there is no run ${runId}`);
  return run;
}

const startRun = async (tasks: Record<string, CanonicalTask>): Promise<string> => {
  const outcome = await loop.start({ edition: await workflow(tasks), ...start });
  if (outcome.kind !== "started") throw new Error(`not started: ${outcome.kind}`);
  return outcome.runId;
};

/** Offers of one run that have been made since the last call, by index. */
const offersOf = (runId: string): Map<string, GivenOffer> =>
  new Map(
    sessions.offers
      .splice(0)
      .filter((one) => one.attempt.runId === runId)
      .map((one) => [`${one.attempt.task}.${one.attempt.index}`, one]),
  );

function offered(offers: ReadonlyMap<string, GivenOffer>, name: string): GivenOffer {
  const given = offers.get(name);
  if (given === undefined) throw new Error(`no offer of ${name}, only of ${[...offers.keys()].join(", ")}`);
  return given;
}

test("index task runs are rows when they begin, and an offer says which index it is of, with its item", async () => {
  const runId = await startRun({
    a: { ...script, forEach: ["x", "y", "z"], maxParallel: 2, with: { it: { $expr: "item" } } },
  });
  const first = offersOf(runId);
  expect([...first.keys()]).toEqual(["a.0", "a.1"]);
  expect(offered(first, "a.1").attempt).toMatchObject({ task: "a", index: 1, inputs: { item: "y" } });
  const keys = async (): Promise<string[]> => {
    const { rows } = await pools.engine.query<{ key: string }>(
      "SELECT key FROM task_runs WHERE project_id = $1 AND run_id = $2 ORDER BY position",
      [projectId, runId],
    );
    return rows.map((row) => row.key);
  };
  expect(await keys()).toEqual(["a", "a.0", "a.1"]);
  await report(offered(first, "a.0"), "succeeded");
  expect(await keys()).toEqual(["a", "a.0", "a.1", "a.2"]);
});

test("a replica that loads a run in the middle of its groups counts what the first one counted, and goes on", async () => {
  const runId = await startRun({
    a: {
      ...script,
      forEach: [0, 1, 2, 3, 4, 5],
      maxParallel: 3,
      minSuccess: "50%",
      outputs: { n: { type: "integer" } },
      retry: { attempts: 2, delayMs: 3_600_000 },
    },
    b: { ...script, forEach: { chain: "a" }, needs: ["a"], maxParallel: 1 },
  });
  const offers = offersOf(runId);
  await report(offered(offers, "a.2"), "succeeded", { n: 2 });
  await report(offered(offers, "a.1"), "failed");
  await report(offered(offers, "a.0"), "succeeded", { n: 0 });
  const run = await loaded(runId);
  expect(run.tasks[0]?.map).toMatchObject({
    base: 2,
    items: [0, 1, 2, 3, 4, 5],
    made: 6,
    open: 4,
    busy: 3,
    succeeded: 2,
    outputBytes: 14,
  });
  // b.2 came first and has the only place; b.0 has its turn.
  expect(run.tasks[1]?.map).toMatchObject({ base: 8, items: [0, 1, 2, 3, 4, 5], made: 1, open: 1, busy: 1 });
  expect(taskAt(run, 10)?.state).toBe("dispatched");
  // Another replica decides the rest from rows alone.
  const other = await fixture.replica();
  const all = new Map([...offers, ...offersOf(runId)]);
  const b2 = offered(all, "b.2");
  await other.submit(projectId, runId, {
    kind: "attempt_finished",
    attemptId: b2.attempt.attemptId,
    epoch: b2.attempt.epoch,
    by: { agentId: b2.slot.agentId, session: b2.slot.session },
    result: { outcome: "succeeded" },
  });
  expect([...offersOf(runId).keys()]).toEqual(["b.0"]);
});

test("the list is kept once, and the row of a group that ends leaves it as it was computed", async () => {
  const runId = await startRun({
    a: { ...script, forEach: [{ z: 1, a: 2 }, { b: [] }], minSuccess: 1 },
    last: { ...script, needs: ["a"] },
  });
  const offers = offersOf(runId);
  await report(offered(offers, "a.0"), "succeeded");
  await report(offered(offers, "a.1"), "failed");
  const runs = new PgRunStore(pools.api, pools.engine);
  expect(JSON.stringify(await runs.items(projectId, runId, 0))).toBe('[{"z":1,"a":2},{"b":[]}]');
  expect(await runs.indexCounts(projectId, runId, 2)).toEqual(
    expect.arrayContaining([
      { key: "a", state: "succeeded", count: 1 },
      { key: "a", state: "failed", count: 1 },
    ]),
  );
  expect((await loaded(runId)).tasks[0]).toMatchObject({ state: "succeeded", effect: "ok" });
});
