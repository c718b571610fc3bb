import type { CanonicalTask, JsonObject } from "@capstan/proto";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { timerLoop } from "../commit/timer-loop.ts";
import { withProject } from "../database/pool.ts";
import { PgCacheStore } from "../database/store/cache-store.ts";
import { PgSweepStore } from "../database/store/sweep-store.ts";
import type { FinishResult } from "../engine/event.ts";
import { commitFixture, newId } from "../testing/commit-fixture.ts";
import type { GivenOffer } from "../testing/memory-sessions.ts";
import { answerCache } from "./answer-cache.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, sessions, pools, projectId, signals, dispatchStore } = fixture;
await fixture.addAgent(1000);
const store = new PgCacheStore(pools.engine, pools.api);
const timers = timerLoop({
  store: dispatchStore,
  commit: loop,
  signals,
  log: pino({ level: "silent" }),
  special: new Map([["cache", (timer) => answerCache(store, timer)]]),
});
timers.start();
afterAll(async () => {
  await timers.stop();
  await loop.drained();
  await pools.close();
});

const cached: CanonicalTask = {
  action: { run: { script: "work" } },
  needs: [],
  cache: { ttlMs: 3_600_000 },
  outputs: { n: { type: "integer" } },
};
const deploy = (task: Partial<CanonicalTask> = {}) =>
  fixture.deploy({ version: 1, name: `w${newId().slice(-8)}`, tasks: { a: { ...cached, ...task } } });
type Edition = Awaited<ReturnType<typeof deploy>>;

async function begin(edition: Edition): Promise<string> {
  const started = await loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
  if (started.kind !== "started") throw new Error(started.kind);
  return started.runId;
}

const finish = ({ attempt, slot }: GivenOffer, result: FinishResult) =>
  loop.submit(projectId, attempt.runId, {
    kind: "attempt_finished",
    attemptId: attempt.attemptId,
    epoch: attempt.epoch,
    by: { agentId: slot.agentId, session: slot.session },
    result,
  });
const succeed = (given: GivenOffer, outputs: JsonObject = { n: 1 }) => finish(given, { outcome: "succeeded", outputs });
const failed: FinishResult = {
  outcome: "failed",
  failure: { class: "error", code: "exit", message: "exit code 1", exitCode: 1 },
};

const offered = (what: string): Promise<GivenOffer> =>
  until(what, 20_000, () => Promise.resolve(sessions.offers.shift()));

interface Row {
  readonly state: string;
  readonly attempts: number;
  readonly outputs: JsonObject | null;
  readonly cached: string | null;
  readonly waits: string | null;
}
async function taskOf(runId: string): Promise<Row> {
  const { rows } = await pools.engine.query<Row>(
    `SELECT state, attempts, outputs, counters->'flags'->'cached'->>'runId' AS cached, reason->'evidence'->>'run' AS waits
     FROM task_runs WHERE run_id = $1`,
    [runId],
  );
  if (rows[0] === undefined) throw new Error("no task run");
  return rows[0];
}
const ended = (runId: string): Promise<Row> =>
  until("it ended", 20_000, async () => {
    const task = await taskOf(runId);
    return ["succeeded", "failed", "cancelled"].includes(task.state) ? task : undefined;
  });
const waiting = (runId: string): Promise<Row> =>
  until("it waits for the holder", 20_000, async () => {
    const task = await taskOf(runId);
    return task.waits === null ? undefined : task;
  });
const leftovers = async (): Promise<{ flights: number; timers: number }> => {
  const { rows } = await pools.engine.query<{ flights: number; timers: number }>(
    `SELECT (SELECT count(*) FROM cache_flights)::int AS flights,
            (SELECT count(*) FROM timers WHERE kind LIKE 'cache%')::int AS timers`,
  );
  return rows[0] ?? { flights: -1, timers: -1 };
};
const nothingLeft = (): Promise<boolean> =>
  until("nothing is left", 20_000, async () => {
    const { flights, timers: rows } = await leftovers();
    return flights + rows === 0 || undefined;
  });

test("92 · equal keys at once: one attempt, two succeeded, one of them cached", async () => {
  const edition = await deploy();
  const [first, second] = await Promise.all([begin(edition), begin(edition)]);
  const one = await offered("one of them works");
  const other = one.attempt.runId === first ? second : first;
  expect(await waiting(other)).toMatchObject({ state: "queued", attempts: 0 });
  expect(sessions.offers).toEqual([]);
  await succeed(one, { n: 7 });
  expect(await ended(other)).toMatchObject({
    state: "succeeded",
    attempts: 0,
    outputs: { n: 7 },
    cached: one.attempt.runId,
  });
  expect(await taskOf(one.attempt.runId)).toMatchObject({ state: "succeeded", attempts: 1, cached: null });
  await nothingLeft();
  const third = await begin(edition);
  expect(await ended(third)).toMatchObject({ attempts: 0, outputs: { n: 7 }, cached: one.attempt.runId });
  expect(sessions.offers).toEqual([]);
});

test("a holder that fails, or is cancelled, gives the key to one that waits, and nothing of it is kept", async () => {
  const edition = await deploy();
  const runs = [await begin(edition), await begin(edition), await begin(edition)];
  const one = await offered("the first works");
  for (const run of runs) if (run !== one.attempt.runId) await waiting(run);
  await finish(one, failed);
  const two = await offered("the second works");
  expect(two.attempt.runId).not.toBe(one.attempt.runId);
  await loop.submit(projectId, two.attempt.runId, { kind: "cancel_run", actor: "ana", reason: "", force: true });
  await finish(two, { outcome: "cancelled" });
  const three = await offered("the third works");
  await succeed(three);
  expect(new Set([one, two, three].map(({ attempt }) => attempt.runId))).toEqual(new Set(runs));
  await nothingLeft();
});

test("one that is cancelled while it waits leaves nothing, and the holder goes on", async () => {
  const edition = await deploy();
  const first = await begin(edition);
  const one = await offered("the first works");
  const second = await begin(edition);
  await waiting(second);
  await loop.submit(projectId, second, { kind: "cancel_run", actor: "ana", reason: "", force: false });
  expect(await taskOf(second)).toMatchObject({ state: "cancelled", attempts: 0 });
  await succeed(one);
  expect((await ended(first)).state).toBe("succeeded");
  await nothingLeft();
});

test("a key that a task run left behind, because its replica died at the wrong time, keeps nobody waiting", async () => {
  const edition = await deploy();
  const first = await begin(edition);
  const one = await offered("the first works");
  await finish(one, failed);
  await ended(first);
  await nothingLeft();
  // As if the key had been taken for it once more, after its end.
  const second = await begin(edition);
  const two = await offered("the second works");
  const { rows } = await pools.engine.query<{ key: string }>("SELECT key FROM cache_flights");
  await finish(two, failed);
  await ended(second);
  await pools.engine.query(
    "INSERT INTO cache_flights (project_id, key, run_id, position, taken_at) VALUES ($1, $2, $3, 0, now())",
    [projectId, rows[0]?.key, first],
  );
  const third = await begin(edition);
  expect((await offered("the third works")).attempt.runId).toBe(third);
});

test("a result that is too old, or whose file is gone, is no result", async () => {
  const sha256 = newId().replaceAll("-", "").padEnd(64, "0");
  const edition = await deploy({ outputs: { table: { type: "file" } } });
  const table = { $file: { name: "t.csv", size: 1, sha256, mediaType: "text/csv" } };
  await begin(edition);
  await succeed(await offered("the first works"), { table });
  const second = await begin(edition);
  await succeed(await offered("its file is not there: the second works"), { table });
  expect((await ended(second)).cached).toBeNull();
  await withProject(pools.api, projectId, (client) =>
    client.query("INSERT INTO files (project_id, sha256, size_bytes) VALUES ($1, $2, 1)", [projectId, sha256]),
  );
  expect(await ended(await begin(edition))).toMatchObject({ attempts: 0, cached: second });
  await pools.engine.query("UPDATE cached_results SET stored_at = stored_at - interval '1 hour' WHERE run_id = $1", [
    second,
  ]);
  const fourth = await begin(edition);
  expect((await offered("it is too old: the fourth works")).attempt.runId).toBe(fourth);
});

test("scope: project is shared by workflows with the same task, and another project sees nothing of it", async () => {
  const cache = { scope: "project" } as const;
  const script = { run: { script: newId() } };
  const [one, other] = [await deploy({ cache, action: script }), await deploy({ cache, action: script })];
  const first = await begin(one);
  await succeed(await offered("the first works"));
  expect(await ended(await begin(other))).toMatchObject({ attempts: 0, cached: first });
  const { rows } = await pools.engine.query<{ key: string }>("SELECT key FROM cached_results WHERE run_id = $1", [
    first,
  ]);
  const ask = { runId: newId(), position: 0, key: rows[0]?.key ?? "", ttlMs: 3_600_000 };
  expect((await store.ask({ ...ask, projectId })).kind).toBe("found");
  expect((await store.ask({ ...ask, projectId: newId() })).kind).toBe("held");
});

test("results whose time is over and keys that were left behind are swept", async () => {
  await pools.engine.query("UPDATE cached_results SET expires_at = now() - interval '1 second'");
  const swept = await new PgSweepStore(pools.engine).sweepCache(1000);
  expect(swept.results).toBeGreaterThan(0);
  expect((await pools.engine.query("SELECT 1 FROM cached_results")).rowCount).toBe(0);
  expect((await new PgSweepStore(pools.engine).sweepCache(1000)).results).toBe(0);
});
