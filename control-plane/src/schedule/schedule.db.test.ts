// Schedules on PostgreSQL: exactly one run for each tick, with several replicas that die between any two lines; and what
// people do with them by their routes.
import { uuidV7, type CanonicalWorkflow } from "@capstan/proto";
import { randomBytes } from "node:crypto";
import pg from "pg";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { PgScheduleStore } from "../database/store/schedule-store.ts";
import { PgWorkflowStore } from "../database/store/workflow.store.ts";
import { PgEarlyStore } from "../database/store/early-store.ts";
import { ColdReads } from "../database/cold-reads.ts";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import { commitFixture } from "../testing/commit-fixture.ts";
import { deploySource } from "../testing/deploy-source.ts";
import { serverFixture } from "../testing/server-fixture.ts";
import { WorkflowEditions } from "../workflow/editions.ts";
import { EarlyRuns } from "../trigger/early-run.ts";
import { ScheduleRounds } from "./schedule-rounds.ts";
import { TickStarter } from "./tick-starter.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { pools, projectId, dispatchStore } = fixture;
const cold = new ColdReads(database);
const workflows = new PgWorkflowStore(pools.api, cold);
const store = new PgScheduleStore(pools.engine, pools.api);
const early = new EarlyRuns({
  store: new PgEarlyStore(pools.engine),
  nowMs: () => Date.now(),
  newId: () => newId(),
  publicUrl: () => "",
});
const log = pino({ level: "silent" });
const newId = (): string => uuidV7(Date.now(), randomBytes(10));
afterAll(async () => {
  await fixture.loop.drained();
  await cold.close();
  await pools.close();
});

/** A replica: rounds of the schedule loop and of the timers' loop. It may die where a start would begin. */
async function replica(dies: () => boolean = () => false) {
  const loop = await fixture.replica();
  const starter = new TickStarter(loop, store, new WorkflowEditions(workflows), early);
  const start = async (timer: DueTimer): Promise<void> => {
    if (dies()) throw new Error("the process has died");
    await starter.start(timer);
  };
  const rounds = new ScheduleRounds({ store, starter: { start }, newId, log, after: () => undefined });
  return {
    tick: () => rounds.round(() => undefined),
    /** What the timers' loop does with the starts that are due. */
    fire: async () => {
      for (const timer of await dispatchStore.dueTimers(1000))
        if (timer.kind === "schedule_start") await start(timer).catch(() => undefined);
    },
    loop,
  };
}

let made = 0;
async function deploy(text: string): Promise<{ name: string; document: CanonicalWorkflow }> {
  const name = `clock_${++made}`;
  return { name, document: await deploySource(workflows, projectId, `version: 1\nname: ${name}\n${text}`) };
}

/** Puts the next tick of a workflow's schedules into the past, as though nobody had been there for so long. */
async function awayFor(name: string, seconds: number): Promise<void> {
  await pools.engine.query(
    `UPDATE schedules s SET next_tick_at = date_trunc('minute', clock_timestamp()) - $3::int * interval '1 second',
            due_at = date_trunc('minute', clock_timestamp()) - $3::int * interval '1 second'
       FROM workflows w WHERE w.project_id = s.project_id AND w.id = s.workflow_id AND s.project_id = $1 AND w.name = $2`,
    [projectId, name, seconds],
  );
}
/** The tick of this midnight comes now. A test that runs over midnight sees two. */
const todayIsDue = (name: string) =>
  pools.engine.query(
    `UPDATE schedules SET next_tick_at = date_trunc('day', clock_timestamp(), 'UTC'), due_at = date_trunc('day', clock_timestamp(), 'UTC')
      WHERE workflow_id = (SELECT id FROM workflows WHERE project_id = $1 AND name = $2)`,
    [projectId, name],
  );
const startsAreDue = () =>
  pools.engine.query("UPDATE timers SET due_at = clock_timestamp() WHERE kind = 'schedule_start' AND project_id = $1", [
    projectId,
  ]);

interface RunRow {
  readonly name: string;
  readonly tick: string;
  readonly trigger: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly state: string;
}
const runsOf = async (like: string): Promise<readonly RunRow[]> =>
  (
    await pools.engine.query<RunRow>(
      `SELECT workflow_name AS name, trigger ->> 'at' AS tick, trigger, inputs, state FROM runs
        WHERE project_id = $1 AND workflow_name LIKE $2 ORDER BY id`,
      [projectId, like],
    )
  ).rows;
const missesOf = async (workflow: string) =>
  (await store.misses(projectId, { workflow, trigger: "schedule" }, 5000)).map(({ reason }) => reason);
const waitsForever = "tasks: { a: { wait: 1h } }";

test("each tick becomes one run, with three replicas that die between taking and starting", async () => {
  const dice = { rolls: 0 };
  const dies = (): boolean => ++dice.rolls % 3 === 0;
  const replicas = await Promise.all([replica(dies), replica(dies), replica(dies)]);
  const names: string[] = [];
  for (let i = 0; i < 40; i++) {
    const { name } = await deploy(`triggers: [{ schedule: { cron: "* * * * *", catchup: all } }]\n${waitsForever}`);
    names.push(name);
    await awayFor(name, 60 * (1 + (i % 5)));
  }
  for (let round = 0; round < 12; round++) {
    await Promise.all(replicas.flatMap((one) => [one.tick(), one.tick()]));
    await startsAreDue();
    await Promise.all(replicas.map((one) => one.fire()));
  }
  const survivor = await replica();
  await startsAreDue();
  await survivor.fire();
  expect(dice.rolls).toBeGreaterThan(100);
  for (const [i, name] of names.entries()) {
    const ticks = (await runsOf(name)).map(({ tick }) => tick);
    expect(new Set(ticks).size, name).toBe(ticks.length);
    // The ticks that were missed, the one at the beginning of this minute, and those that came while the test ran.
    expect(ticks.length, name).toBeGreaterThanOrEqual(2 + (i % 5));
    const from = Date.parse(ticks.toSorted()[0] ?? "");
    expect(ticks.toSorted(), name).toEqual(ticks.map((_, n) => new Date(from + n * 60_000).toISOString()));
  }
  const left = await pools.engine.query("SELECT 1 FROM timers WHERE kind = 'schedule_start' AND project_id = $1", [
    projectId,
  ]);
  expect(left.rowCount).toBe(0);
}, 120_000);

test("a start whose row has been taken by another replica makes no run", async () => {
  const { name } = await deploy(`triggers: [{ schedule: { cron: "0 0 * * *" } }]\n${waitsForever}`);
  await todayIsDue(name);
  await (await replica(() => true)).tick();
  await startsAreDue();
  const two = await Promise.all([replica(), replica()]);
  await Promise.all(two.map((one) => one.fire()));
  expect(await runsOf(name)).toHaveLength(1);
});

test("a run knows its tick and the window that ends with it, in its inputs too", async () => {
  const { name } = await deploy(`
inputs: { from: string, day: string }
triggers:
  - schedule: { cron: "0 0 * * *" }
    inputs: { from: "\${{ string(run.window.start) }}", day: "\${{ date(run.scheduledAt) }}" }
    labels: { by: "\${{ trigger.id }}" }
${waitsForever}`);
  await todayIsDue(name);
  await (await replica()).tick();
  const [run] = await runsOf(name);
  const tickMs = Date.parse(run?.tick ?? "");
  expect(run?.trigger).toMatchObject({
    kind: "schedule",
    id: "schedule",
    scheduledMs: tickMs,
    windowStartMs: tickMs - 86_400_000,
  });
  expect(run?.inputs).toEqual({
    from: new Date(tickMs - 86_400_000).toISOString().replace(".000", ""),
    day: run?.tick.slice(0, 10),
  });
});

test("a tick that cannot become a run keeps its reason", async () => {
  const { name: wrong } = await deploy(`
inputs: { n: { type: integer, minimum: 5 } }
triggers: [{ schedule: { cron: "0 0 * * *" }, inputs: { n: 1 } }]
${waitsForever}`);
  const { name: never } = await deploy(`
triggers: [{ schedule: { cron: "0 0 * * *" }, if: trigger.at < timestamp("2020-01-01T00:00:00Z") }]
${waitsForever}`);
  for (const name of [wrong, never]) await todayIsDue(name);
  await (await replica()).tick();
  expect(await missesOf(wrong)).toEqual(["inputs_invalid"]);
  expect(await missesOf(never)).toEqual(["condition"]);
  expect([...(await runsOf(wrong)), ...(await runsOf(never))]).toEqual([]);
});

test("while a run of the schedule goes on, the next is skipped, waits for its end, or takes its place", async () => {
  const one = await replica();
  const named = async (overlap: string) => {
    const { name } = await deploy(
      `triggers: [{ schedule: { cron: "0 0 * * *", overlap: ${overlap} } }]\n${waitsForever}`,
    );
    await todayIsDue(name);
    await one.tick();
    expect(await runsOf(name), overlap).toHaveLength(1);
    await todayIsDue(name);
    await one.tick();
    return name;
  };
  const skipped = await named("skip");
  expect(await missesOf(skipped)).toEqual(["overlap"]);
  const queued = await named("queue");
  expect(await runsOf(queued)).toHaveLength(1);
  const [{ id } = { id: "" }] = (
    await pools.engine.query<{ id: string }>("SELECT id FROM runs WHERE project_id = $1 AND workflow_name = $2", [
      projectId,
      queued,
    ])
  ).rows;
  await one.loop.submit(projectId, id, { kind: "cancel_run", actor: "ana", reason: "", force: false });
  await startsAreDue();
  await one.fire();
  expect((await runsOf(queued)).map(({ state }) => state)).toEqual(["cancelled", "running"]);
  const replaced = await named("cancelRunning");
  expect((await runsOf(replaced)).map(({ state }) => state)).toEqual(["cancelled", "running"]);
});

test("a tick that takes the place of one that never began cancels what that one was to cancel", async () => {
  const [one, dying] = [await replica(), await replica(() => true)];
  const { name } = await deploy(
    `triggers: [{ schedule: { cron: "0 0 * * *", overlap: cancelRunning } }]\n${waitsForever}`,
  );
  await todayIsDue(name);
  await one.tick();
  for (const next of [dying, one]) {
    await todayIsDue(name);
    await next.tick();
  }
  expect((await runsOf(name)).map(({ state }) => state)).toEqual(["cancelled", "running"]);
  expect(await missesOf(name)).toEqual(["replaced"]);
  await startsAreDue();
  await one.fire();
  expect(await runsOf(name)).toHaveLength(2);
});

test("a deploy keeps the next tick of a schedule that is as it was, and takes away one that has gone", async () => {
  const server = await serverFixture(await cloneDatabase());
  try {
    const source = (cron: string, task: string): string =>
      `version: 1\nname: w\ntriggers: [{ schedule: { cron: "${cron}", timezone: Europe/Berlin } }]\ntasks: { ${task}: { run: "true" } }`;
    const list = async () =>
      (await server.call("GET", "/projects/default/schedules")).body["data"] as readonly Record<string, unknown>[];
    await server.deploy(source("0 6 * * *", "a"));
    const paused = await server.call("POST", "/projects/default/schedules/w.schedule/actions/pause", {
      reason: "holidays",
    });
    expect(paused.body).toEqual({ schedule: "w.schedule", state: "paused", already: false });
    const [before] = await list();
    expect(before).toMatchObject({
      schedule: "w.schedule",
      when: "cron 0 6 * * *",
      state: "paused",
      pause: { reason: "holidays" },
    });
    await server.deploy(source("0 6 * * *", "b"));
    const [after] = await list();
    expect(after).toMatchObject({ nextAt: before?.["nextAt"], state: "paused" });
    expect(after?.["digest"]).not.toBe(before?.["digest"]);
    const next = await server.call("GET", "/projects/default/schedules/w/next?count=2&after=2026-10-24T12:00:00.000Z");
    expect(next.body).toMatchObject({ timezone: "Europe/Berlin", data: [{ local: "2026-10-25T06:00+01:00" }, {}] });
    const again = await server.call("POST", "/projects/default/schedules/w/actions/resume");
    expect(again.body).toEqual({ schedule: "w", state: "active", already: false });
    expect((await server.call("POST", "/projects/default/schedules/w/actions/resume")).body["already"]).toBe(true);
    expect((await server.call("GET", "/projects/default/schedules/nobody.x")).status).toBe(404);
    expect((await server.call("GET", "/projects/default/schedules/w/next?count=0")).status).toBe(400);
    await server.deploy('version: 1\nname: w\ntasks: { a: { run: "true" } }');
    expect(await list()).toEqual([]);
  } finally {
    await server.close();
  }
});

test("a run by hand is a tick of now, once for a key; and each state of a schedule has a sentence and a next step", async () => {
  const server = await serverFixture(await cloneDatabase());
  try {
    const source = (more: string): string => `version: 1
name: w
inputs: { from: string }
triggers: [{ schedule: { cron: "0 0 1 1 *", ${more} }, inputs: { from: "\${{ string(run.window.start) }}" } }]
${waitsForever}`;
    const S = "/projects/default/schedules/w.schedule";
    await server.deploy(source("jitter: 0s"));
    const key = { "idempotency-key": "now" };
    const fired = await server.call("POST", `${S}/actions/fire`, undefined, key);
    expect(fired).toMatchObject({
      status: 202,
      body: {
        name: "w-1",
        inputs: { from: expect.stringMatching(/-01-01T00:00:00Z$/) },
        trigger: { kind: "schedule", byHand: true },
      },
    });
    const again = await server.call("POST", `${S}/actions/fire`, undefined, key);
    expect(again).toMatchObject({ status: 202, body: { name: "w-1" } });
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const said = async () => (await server.call("GET", `${S}/explain`)).body;
    expect(await said()).toMatchObject({
      code: "active",
      sentence: expect.stringMatching(/^w\.schedule fires next at \d{4}-01-01T00:00:00.000Z, in \d+ d/),
      last: null,
      missed: null,
      do: null,
    });
    await server.call("POST", `${S}/actions/pause`, { reason: "holidays" });
    expect(await said()).toMatchObject({
      code: "paused",
      sentence: expect.stringMatching(/it is paused by local since .*: holidays\./),
      do: "capstan schedules resume w.schedule",
    });
    await server.call("POST", `${S}/actions/resume`);
    await server.call("POST", "/projects/default/workflows/w/actions/pause", {});
    expect(await said()).toMatchObject({ code: "workflow_paused", do: "capstan resume w" });
    await server.deploy(source('to: "2020-01-01", from: "2019-01-01"').replace("0 0 1 1 *", "0 0 * * *"));
    expect(await said()).toMatchObject({ code: "over" });
    expect((await server.call("POST", "/projects/default/schedules/nobody.x/actions/fire")).status).toBe(404);
  } finally {
    await server.close();
  }
}, 60_000);

test("a paused schedule and a paused workflow start nothing and say so; what cannot be read stops nobody else", async () => {
  const one = await replica();
  const paused = await deploy(`triggers: [{ schedule: { cron: "0 0 * * *" } }]\n${waitsForever}`);
  const held = await deploy(`triggers: [{ schedule: { cron: "0 0 * * *" } }]\n${waitsForever}`);
  const broken = await deploy(`triggers: [{ schedule: { cron: "0 0 * * *" } }]\n${waitsForever}`);
  const sound = await deploy(`triggers: [{ schedule: { cron: "0 0 * * *" } }]\n${waitsForever}`);
  await store.setPause(projectId, { workflow: paused.name, trigger: "schedule" }, { actor: "ana", reason: "" }, "ana");
  await workflows.setPause(projectId, held.name, { actor: "ana", reason: "" }, "ana");
  await pools.engine.query(
    "UPDATE schedules SET spec = 'nonsense' WHERE workflow_id = (SELECT id FROM workflows WHERE project_id = $1 AND name = $2)",
    [projectId, broken.name],
  );
  for (const { name } of [paused, held, broken, sound]) await todayIsDue(name);
  await one.tick();
  expect(await missesOf(paused.name)).toEqual(["paused"]);
  expect(await missesOf(held.name)).toEqual(["workflow_paused"]);
  expect(await missesOf(broken.name)).toEqual(["broken"]);
  expect(await runsOf(sound.name)).toHaveLength(1);
});

test("the loops of a server start a run when its time comes", async () => {
  const own = await cloneDatabase();
  const server = await serverFixture(own);
  const client = new pg.Client({ connectionString: own.url });
  await client.connect();
  try {
    await server.deploy(`version: 1\nname: w\ntriggers: [{ schedule: { every: 10s } }]\n${waitsForever}`);
    await until("a run of the schedule", 20_000, async () =>
      (await client.query("SELECT 1 FROM runs")).rowCount === 0 ? undefined : true,
    );
    const { rows } = await client.query<{ late: number }>(
      "SELECT (extract(epoch FROM created_at) - extract(epoch FROM (trigger ->> 'at')::timestamptz))::float8 AS late FROM runs",
    );
    expect(rows[0]?.late).toBeGreaterThanOrEqual(0);
    expect(rows[0]?.late).toBeLessThan(5);
  } finally {
    await client.end();
    await server.close();
  }
}, 60_000);
