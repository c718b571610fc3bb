import type { CanonicalTask, CanonicalWorkflow } from "@capstan/proto";
import pg from "pg";
import { pino } from "pino";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { PgSweepStore } from "../database/store/sweep-store.ts";
import { commitFixture } from "../testing/commit-fixture.ts";
import type { RunEvent } from "../engine/event.ts";
import type { GivenOffer } from "../testing/memory-sessions.ts";
import { DispatchLoop } from "./dispatch-loop.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, sessions, pools, projectId, dispatchStore, backlog } = fixture;
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await pools.close();
});

const silent = pino({ level: "silent" });
const agent = await fixture.addAgent(1000);
const other = await fixture.replica();
const task = (part: Partial<CanonicalTask>): CanonicalTask => ({
  action: { run: { script: "true" } },
  needs: [],
  leaseMs: 30_000,
  ...part,
});
const deploy = (name: string, part: Partial<CanonicalTask>, inputs?: CanonicalWorkflow["inputs"]) =>
  fixture.deploy({ version: 1, name, tasks: { only: task(part) }, ...(inputs === undefined ? {} : { inputs }) });
const setLimit = (name: string, capacity: number, perMs: number | null = null) =>
  owner.query(
    `INSERT INTO limits (project_id, name, capacity, per_ms) VALUES ($1, $2, $3, $4)
     ON CONFLICT (project_id, name) DO UPDATE SET capacity = excluded.capacity, per_ms = excluded.per_ms`,
    [projectId, name, capacity, perMs],
  );
const held = async (): Promise<Record<string, number>> => {
  const { rows } = await owner.query<{ key: string; used: number }>(
    "SELECT limit_key AS key, sum(weight)::int AS used FROM limit_holds GROUP BY 1",
  );
  return Object.fromEntries(rows.map((row) => [row.key, row.used]));
};
const waiting = async (): Promise<number> =>
  (await owner.query<{ n: number }>("SELECT count(*)::int AS n FROM task_queue")).rows[0]?.n ?? -1;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error("it did not come to that within 20 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const dispatchers = [loop, other].map(
  (commit) =>
    new DispatchLoop({ store: dispatchStore, commit, sessions, backlog, log: silent }, { batchMax: 10, everyMs: 50 }),
);
beforeEach(() => {
  sessions.offers.length = 0;
  agent.free = 1000;
  for (const one of dispatchers) one.loop.start();
});
afterEach(async () => {
  await Promise.all(dispatchers.map((one) => one.loop.stop()));
  for (const given of sessions.offers) await end(given, "succeeded");
  await owner.query("DELETE FROM limit_holds");
  await owner.query("DELETE FROM task_queue");
});

/** By the replica that made the attempt: the other's snapshot does not have it, as in life the session is not there. */
const end = async (given: GivenOffer, outcome: "succeeded" | "failed" | "lost"): Promise<void> => {
  const report = {
    kind: "attempt_finished",
    attemptId: given.attempt.attemptId,
    epoch: given.attempt.epoch,
    by: { agentId: agent.agentId, session: agent.session },
    result: { outcome },
  } as const;
  for (const replica of [loop, other]) {
    const { kind } = await replica.submit(projectId, given.attempt.runId, report);
    if (kind === "accepted") return;
  }
};

test("two dispatchers never take more of a limit than it has, whatever ends and fails meanwhile", async () => {
  await setLimit("db", 5);
  await setLimit("api", 3);
  const one = await deploy("one", { limits: [{ name: "db", weight: 2 }], retry: { attempts: 3, delayMs: 0 } });
  const both = await deploy("both", { limits: [{ name: "api" }, { name: "db" }], retry: { lost: 3 } });
  const start = (edition: typeof one) => loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
  await Promise.all(Array.from({ length: 30 }, (_, i) => start(i % 2 === 0 ? one : both)));
  let most = 0;
  let seen = 0;
  let ended = 0;
  const sample = async (): Promise<void> => {
    const { "limit:db": db = 0, "limit:api": api = 0 } = await held();
    expect(db).toBeLessThanOrEqual(5);
    expect(api).toBeLessThanOrEqual(3);
    most = Math.max(most, db);
  };
  await until(async () => {
    await sample();
    const given = sessions.offers[seen];
    if (given !== undefined) {
      seen += 1;
      // Some fail and are tried again, some are lost and replaced: all give back what they held.
      const outcome = ended % 5 === 3 ? "lost" : ended % 7 === 6 ? "failed" : "succeeded";
      await end(given, outcome);
      ended += 1;
      agent.free += 1;
    }
    return seen === sessions.offers.length && (await waiting()) === 0 && Object.keys(await held()).length === 0;
  });
  expect(ended).toBeGreaterThanOrEqual(30);
  expect(most).toBeGreaterThanOrEqual(4);
});

test("work that waits for a limit keeps nobody back who does not need it, and is not offered at once", async () => {
  await setLimit("none", 0);
  const blocked = await deploy("blocked", { limits: [{ name: "none" }] });
  const free = await deploy("free", {});
  const start = (edition: typeof free) => loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
  await Promise.all(Array.from({ length: 20 }, () => start(blocked)));
  const run = await start(free);
  await until(() => sessions.offers.length > 0);
  expect(sessions.offers.map((one) => one.attempt.runId)).toEqual(["runId" in run ? run.runId : ""]);
  expect(await waiting()).toBe(20);
});

test("a limit that is lowered while it is held drains, and one that is raised is used at once", async () => {
  await setLimit("drain", 4);
  const edition = await deploy("draining", { limits: [{ name: "drain" }] });
  for (let i = 0; i < 8; i++) await loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
  await until(() => sessions.offers.length === 4);
  await setLimit("drain", 1);
  const [a, b, c, d] = sessions.offers.splice(0);
  for (const given of [a, b, c]) if (given !== undefined) await end(given, "succeeded");
  await Promise.all(dispatchers.map((one) => one.loop.stop()));
  expect(sessions.offers).toHaveLength(0);
  expect(await held()).toEqual({ "limit:drain": 1 });
  for (const one of dispatchers) one.loop.start();
  if (d !== undefined) await end(d, "succeeded");
  await until(() => sessions.offers.length === 1);
  await setLimit("drain", 10);
  await until(() => sessions.offers.length === 4);
});

test("a rate allows so many starts within its window, also where they have ended", async () => {
  await setLimit("calls", 3, 3_600_000);
  const edition = await deploy("calling", { limits: [{ name: "calls" }] });
  for (let i = 0; i < 5; i++) await loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
  await until(() => sessions.offers.length === 3);
  for (const given of sessions.offers.splice(0)) await end(given, "succeeded");
  await Promise.all(dispatchers.map((one) => one.loop.stop()));
  expect(await waiting()).toBe(2);
  expect(await held()).toEqual({ "limit:calls": 3 });
  await owner.query("UPDATE limit_holds SET until_at = clock_timestamp()");
  for (const one of dispatchers) one.loop.start();
  await until(() => sessions.offers.length === 2);
  expect(await new PgSweepStore(pools.engine).sweepHolds(100)).toEqual({ over: 3, orphaned: 0 });
});

test("concurrency of a task counts attempts with an equal key over all runs", async () => {
  const edition = await deploy(
    "keyed",
    { concurrency: { key: { $expr: "inputs.customer" }, limit: 2 } },
    { customer: { type: "string" } },
  );
  for (const customer of ["a", "a", "a", "b"])
    await loop.start({ edition, inputs: { customer }, labels: {}, trigger: { kind: "test" } });
  await until(() => sessions.offers.length === 3);
  await Promise.all(dispatchers.map((one) => one.loop.stop()));
  expect(await waiting()).toBe(1);
  expect(new Set(Object.values(await held()))).toEqual(new Set([1, 2]));
});

test("a cancelled attempt gives back what it held, and one that was rejected too", async () => {
  await setLimit("single", 1);
  const edition = await deploy("stopped", { limits: [{ name: "single" }] });
  const started = await loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
  const runId = "runId" in started ? started.runId : "";
  await until(() => sessions.offers.length === 1);
  const [first] = sessions.offers;
  const by = { agentId: agent.agentId, session: agent.session };
  const tell = async (event: RunEvent): Promise<void> => {
    for (const replica of [loop, other]) await replica.submit(projectId, runId, event);
  };
  const refOf = (given: GivenOffer | undefined) => ({
    attemptId: given?.attempt.attemptId ?? "",
    epoch: given?.attempt.epoch ?? 0,
  });
  await tell({ kind: "attempt_rejected", by, reason: "no_slot", detail: "", ...refOf(first) });
  await until(() => sessions.offers.length === 2);
  expect(await held()).toEqual({ "limit:single": 1 });
  await tell({ kind: "cancel_run", actor: "ana", reason: "", force: false });
  await tell({ kind: "attempt_finished", by, ...refOf(sessions.offers[1]), result: { outcome: "cancelled" } });
  expect(await held()).toEqual({});
});
