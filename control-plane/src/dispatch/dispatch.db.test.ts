import type { CanonicalTask } from "@capstan/proto";
import pg from "pg";
import { pino } from "pino";
import { afterAll, beforeEach, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { commitFixture } from "../testing/commit-fixture.ts";
import type { GivenOffer } from "../testing/memory-sessions.ts";
import { DispatchLoop } from "./dispatch-loop.ts";
import { leaseLoop, LeaseRenewals } from "./lease-loop.ts";

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
const task: CanonicalTask = { action: { run: { script: "true" } }, needs: [], leaseMs: 30_000 };
const edition = await fixture.deploy({ version: 1, name: "leased", tasks: { only: task } });
const start = () => loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
const agent = await fixture.addAgent(1000);

beforeEach(() => {
  sessions.offers.length = 0;
  agent.free = 1000;
});

const setClock = (countedMs: number): Promise<unknown> =>
  owner.query("UPDATE lease_clock SET counted_ms = $1, db_time = clock_timestamp()", [countedMs]);
const renewedAt = (ms: number): Promise<unknown> =>
  owner.query("UPDATE agent_sessions SET renewed_ms = $1 WHERE agent_id = $2", [ms, agent.agentId]);

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error("it did not come to that within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("counted time gains at most two seconds by a jump of the database's clock, and never goes back", async () => {
  await setClock(1_000_000);
  await owner.query("UPDATE lease_clock SET db_time = clock_timestamp() - interval '1 hour'");
  const forward = await dispatchStore.tick();
  expect(forward.countedMs).toBe(1_002_000);
  await owner.query("UPDATE lease_clock SET db_time = clock_timestamp() + interval '1 hour'");
  const back = await dispatchStore.tick();
  expect(back.countedMs).toBe(1_002_000);
});

test("a live attempt is overdue only when lease and margin are over since its agent's last renewal", async () => {
  await start();
  const marginMs = 15_000 + 60;
  await setClock(2_000_000);
  await renewedAt(2_000_000 - 30_000 - marginMs + 1_000);
  expect(await dispatchStore.endedLeases(10)).toEqual([]);
  await renewedAt(2_000_000 - 30_000 - marginMs);
  const [ended] = await dispatchStore.endedLeases(10);
  expect(ended).toMatchObject({ projectId, attemptId: sessions.offers[0]?.attempt.attemptId });
});

test("an ended lease hands the task run on with a higher epoch, and the old attempt's report changes nothing", async () => {
  const before = sessions.offers.length;
  const first: GivenOffer | undefined = sessions.offers[before - 1];
  const started = await start();
  const given = sessions.offers.at(-1);
  expect(first).toBeUndefined();
  await setClock(3_000_000);
  await renewedAt(0);
  const lease = leaseLoop(dispatchStore, loop, silent);
  lease.start();
  await until(() => sessions.offers.length >= before + 2);
  await lease.stop();
  await renewedAt(3_000_000);
  const again = sessions.offers.findLast((one) => "runId" in started && one.attempt.runId === started.runId);
  expect(again?.attempt.epoch).toBeGreaterThan(given?.attempt.epoch ?? Number.POSITIVE_INFINITY);
  const report = await loop.submit(projectId, given?.attempt.runId ?? "", {
    kind: "attempt_finished",
    attemptId: given?.attempt.attemptId ?? "",
    epoch: given?.attempt.epoch ?? 0,
    by: { agentId: agent.agentId, session: agent.session },
    result: { outcome: "succeeded" },
  });
  expect(report).toEqual({ kind: "lease_lost" });
});

test("a heartbeat renews only under the current session", async () => {
  const renewals = new LeaseRenewals(dispatchStore);
  await setClock(4_000_000);
  await renewedAt(0);
  const of = (session: number) => renewals.renew({ projectId, agentId: agent.agentId, session, heartbeat: 7 });
  expect(await Promise.all([of(agent.session - 1), of(agent.session + 1)])).toEqual([false, false]);
  const row = () =>
    owner.query<{ renewed_ms: string }>("SELECT renewed_ms FROM agent_sessions WHERE agent_id = $1", [agent.agentId]);
  expect(Number((await row()).rows[0]?.renewed_ms)).toBe(0);
  expect(await of(agent.session)).toBe(true);
  expect(Number((await row()).rows[0]?.renewed_ms)).toBeGreaterThanOrEqual(4_000_000);
});

test("two dispatchers share a queue: every task run is offered once, and none is left", async () => {
  agent.free = 0;
  const runs = await Promise.all(Array.from({ length: 150 }, start));
  expect(sessions.offers).toHaveLength(0);
  const other = await fixture.replica();
  agent.free = 1000;
  const dispatchers = [loop, other].map(
    (commit) =>
      new DispatchLoop({ store: dispatchStore, commit, sessions, backlog, log: silent }, { batchMax: 10, everyMs: 50 }),
  );
  for (const one of dispatchers) one.loop.start();
  await until(async () => (await owner.query("SELECT 1 FROM task_queue LIMIT 1")).rowCount === 0);
  await Promise.all(dispatchers.map((one) => one.loop.stop()));
  const offered = sessions.offers.map((one) => one.attempt.runId).sort();
  expect(offered).toEqual(runs.map((one) => ("runId" in one ? one.runId : "")).sort());
  const live = await owner.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM live_attempts WHERE run_id = ANY ($1::uuid[])",
    [offered],
  );
  expect(live.rows[0]?.count).toBe(150);
  expect(agent.free).toBe(1000 - 150);
});

test("a reservation that nobody uses is given back, and ends by itself where its holder died", async () => {
  agent.free = 0;
  await start();
  const [lane] = await dispatchStore.lanesWithWork();
  const reserved = await dispatchStore.reserve(lane?.laneId ?? "", 10);
  expect(reserved).toHaveLength(1);
  await dispatchStore.release(reserved);
  expect(await dispatchStore.reserve(lane?.laneId ?? "", 10)).toHaveLength(1);
  await owner.query("UPDATE task_queue SET taken_until = clock_timestamp() - interval '1 second'");
  expect(await dispatchStore.reserve(lane?.laneId ?? "", 10)).toHaveLength(1);
});

test("a run whose deadline has passed is found, and only that one", async () => {
  const run = await start();
  const runId = "runId" in run ? run.runId : "";
  expect(await dispatchStore.overdueRuns(10)).toEqual([]);
  await owner.query("UPDATE runs SET deadline_at = clock_timestamp() WHERE id = $1", [runId]);
  expect(await dispatchStore.overdueRuns(10)).toEqual([{ projectId, runId }]);
});
