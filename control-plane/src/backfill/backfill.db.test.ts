// Backfills on PostgreSQL: exactly one run for each value, with several replicas that die between any two lines; and what
// people do with them by their routes.
import { idFromUuid, uuidFromId } from "@capstan/proto";
import pg from "pg";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import type { Audit } from "../audit/entry.ts";
import { CommitSignals } from "../commit/commit-signals.ts";
import { ColdReads } from "../database/cold-reads.ts";
import { PgBackfillStore } from "../database/store/backfill.store.ts";
import { PgEarlyStore } from "../database/store/early-store.ts";
import { PgRunStore } from "../database/store/run.store.ts";
import { PgWorkflowStore } from "../database/store/workflow.store.ts";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import { RunService } from "../run/run.service.ts";
import { commitFixture, newId } from "../testing/commit-fixture.ts";
import { deploySource } from "../testing/deploy-source.ts";
import { serverFixture, type Answer } from "../testing/server-fixture.ts";
import { unchangedVersions } from "../testing/unchanged-versions.ts";
import { AgainService } from "../trigger/again.service.ts";
import { EarlyRuns } from "../trigger/early-run.ts";
import { WorkflowEditions } from "../workflow/editions.ts";
import { StorePaths } from "../workflow/store-paths.ts";
import { BackfillRounds } from "./backfill-rounds.ts";
import { BackfillService } from "./backfill.service.ts";
import { BackfillStarter } from "./backfill-starter.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { pools, projectId, dispatchStore } = fixture;
const project = { id: projectId, name: "test", role: "project_admin" } as const;
const cold = new ColdReads(database);
const workflows = new PgWorkflowStore(pools.api, cold);
const store = new PgBackfillStore(pools.engine, pools.api);
const log = pino({ level: "silent" });
const early = new EarlyRuns({ store: new PgEarlyStore(pools.engine), nowMs: Date.now, newId, publicUrl: () => "" });
const editions = new WorkflowEditions(workflows);
const service = new BackfillService({ store, editions, early, nowMs: Date.now, wake: () => undefined });
const ownServer = await cloneDatabase();
const server = await serverFixture(ownServer);
const owner = new pg.Client({ connectionString: ownServer.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await server.close();
  await fixture.loop.drained();
  await cold.close();
  await pools.close();
});

/** A replica: rounds of the backfill loop and of the timers' loop. It may die where a start would begin. */
async function replica(dies: () => boolean = () => false) {
  const commit = await fixture.replica();
  const silent: Audit = { append: async () => undefined };
  const runs = new RunService(new PgRunStore(pools.api, pools.engine), editions, commit, silent);
  const paths = new StorePaths("/nowhere");
  const again = new AgainService({
    runs,
    editions,
    commit,
    snapshots: fixture.store,
    paths,
    audit: silent,
    early,
    versions: unchangedVersions,
  });
  const starter = new BackfillStarter({ commit, store, editions: new WorkflowEditions(workflows), early, again });
  const start = async (timer: DueTimer): Promise<void> => {
    if (dies()) throw new Error("the process has died");
    await starter.start(timer);
  };
  const signals = new CommitSignals();
  const rounds = new BackfillRounds({ store, starter: { start }, commit, signals, editions, newId, log });
  return {
    round: () => rounds.round(),
    /** What the timers' loop does with the starts that are due. */
    fire: async () => {
      for (const timer of await dispatchStore.dueTimers(1000))
        if (timer.kind === "backfill_start") await start(timer).catch(() => undefined);
    },
  };
}

/** A backfill after all the rounds that it needs. */
async function ended(one: Awaited<ReturnType<typeof replica>>, backfill: string) {
  for (let round = 0; round < 50; round++) {
    await allIsDue();
    await one.round();
    await one.fire();
    const view = await stateOf(backfill);
    if (view.endedAt !== null) return view;
  }
  throw new Error(JSON.stringify(await stateOf(backfill)));
}

let made = 0;
async function deploy(text: string): Promise<string> {
  const name = `past_${++made}`;
  const source = `version: 1\nname: ${name}\n${text}`;
  await deploySource(workflows, projectId, source);
  return name;
}
/** Nobody waits in this test: whatever has a time is due. */
const allIsDue = async (): Promise<void> => {
  await pools.engine.query("UPDATE backfills SET look_at = clock_timestamp() WHERE look_at IS NOT NULL");
  await pools.engine.query("UPDATE timers SET due_at = clock_timestamp() WHERE kind = 'backfill_start'");
};
const begun = async (body: Parameters<typeof service.start>[2]): Promise<string> => {
  const { value } = await service.start(project, "user:ana", body, undefined);
  return value.backfill ?? "";
};
const stateOf = async (backfill: string) => service.show(project, backfill);
interface RunRow {
  readonly at: string | null;
  readonly trigger: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly state: string;
  readonly priority: number;
}
const runsOf = async (workflow: string): Promise<readonly RunRow[]> =>
  (
    await pools.engine.query<RunRow>(
      `SELECT trigger ->> 'at' AS at, trigger, inputs, state, priority FROM runs
        WHERE project_id = $1 AND workflow_name = $2 ORDER BY id`,
      [projectId, workflow],
    )
  ).rows;
/** It ends at once, without an agent. */
const endsAtOnce = 'tasks: { a: { if: "false", run: "true" } }';
const daily = 'triggers: [{ schedule: { cron: "0 6 * * *", timezone: Europe/Berlin } }]';
const may = { from: "2026-05-01", to: "2026-06-01" };

test("each value becomes one run, with three replicas that die between taking and starting", async () => {
  const dice = { rolls: 0 };
  const dies = (): boolean => ++dice.rolls % 3 === 0;
  const replicas = await Promise.all([replica(dies), replica(dies), replica(dies)]);
  const names: string[] = [];
  const backfills: string[] = [];
  for (const order of ["asc", "desc", "asc", "desc"] as const) {
    const name = await deploy(`${daily}\n${endsAtOnce}`);
    names.push(name);
    backfills.push(await begun({ workflow: name, ...may, order, maxParallel: 5 }));
  }
  for (let round = 0; round < 200; round++) {
    await allIsDue();
    await Promise.all(replicas.flatMap((one) => [one.round(), one.round(), one.fire()]));
    const views = await Promise.all(backfills.map(stateOf));
    if (views.every(({ state }) => state === "succeeded")) break;
  }
  for (const [i, name] of names.entries()) {
    expect(await stateOf(backfills[i] ?? ""), name).toMatchObject({
      state: "succeeded",
      total: 31,
      succeeded: 31,
      left: 0,
    });
    const ticks = (await runsOf(name)).map(({ at }) => at ?? "");
    expect(ticks, name).toHaveLength(31);
    expect(ticks.toSorted(), name).toEqual(
      Array.from({ length: 31 }, (_, day) => `2026-05-${String(day + 1).padStart(2, "0")}T04:00:00.000Z`),
    );
  }
  expect(dice.rolls).toBeGreaterThan(150);
  const left = await pools.engine.query("SELECT 1 FROM timers WHERE kind = 'backfill_start'");
  expect(left.rowCount).toBe(0);
}, 120_000);

test("a start whose row has been taken by another replica makes no run", async () => {
  const name = await deploy(`${daily}\n${endsAtOnce}`);
  const backfill = await begun({ workflow: name, from: "2026-05-01", to: "2026-05-02" });
  await (await replica(() => true)).round();
  await allIsDue();
  const two = await Promise.all([replica(), replica()]);
  await Promise.all(two.map((one) => one.fire()));
  expect(await runsOf(name)).toHaveLength(1);
  await allIsDue();
  await two[0]?.round();
  expect((await stateOf(backfill)).state).toBe("succeeded");
});

test("no more runs exist than may go on, and none of what has not begun", async () => {
  const name = await deploy(`${daily}\ntasks: { a: { wait: 1h } }`);
  const backfill = await begun({ workflow: name, ...may, maxParallel: 3, order: "desc" });
  const one = await replica();
  for (let round = 0; round < 3; round++) {
    await allIsDue();
    await one.round();
  }
  expect((await runsOf(name)).map(({ at }) => String(at).slice(0, 10)).toSorted()).toEqual([
    "2026-05-29",
    "2026-05-30",
    "2026-05-31",
  ]);
  const { rows } = await pools.engine.query("SELECT 1 FROM backfill_runs WHERE backfill_id = $1", [
    uuidFromId("bf", backfill),
  ]);
  expect(rows).toHaveLength(3);
  expect(await stateOf(backfill)).toMatchObject({
    going: 3,
    left: 28,
    reason: { code: "waiting_run", detail: "3 of its runs go on, 3 may" },
  });
});

test("its runs come behind all others, take turns of their own, and do not rise by waiting", async () => {
  const name = await deploy(`priority: 1\n${daily}\ntasks: { a: { run: "true" } }`);
  const backfill = await begun({ workflow: name, from: "2026-05-01", to: "2026-05-02" });
  await (await replica()).round();
  const [run] = await runsOf(name);
  expect(run).toMatchObject({
    priority: 5,
    trigger: { kind: "backfill", actor: "user:ana", id: "schedule", backfill: uuidFromId("bf", backfill) },
  });
  const queued = async () =>
    (
      await pools.engine.query<{ priority: number }>(
        "SELECT q.priority FROM task_queue q JOIN runs r ON r.id = q.run_id WHERE r.workflow_name = $1",
        [name],
      )
    ).rows;
  expect(await queued()).toEqual([{ priority: 5 }]);
  await pools.engine.query("UPDATE task_queue SET queued_at = queued_at - interval '2 hours'");
  await dispatchStore.raiseWaiting(1000);
  expect(await queued()).toEqual([{ priority: 5 }]);
});

test("where the workflow takes no more runs it waits outside, and what is due goes first", async () => {
  const name = await deploy(`concurrency: { limit: 1 }\n${daily}\ntasks: { a: { wait: 1h } }`);
  const edition = await editions.active(project, name);
  if (edition === undefined) throw new Error("not deployed");
  const commit = await fixture.replica();
  const start = () => commit.start({ edition, inputs: {}, labels: {}, trigger: { kind: "manual", actor: "ana" } });
  await start();
  const backfill = await begun({ workflow: name, from: "2026-05-01", to: "2026-05-03" });
  const one = await replica();
  await one.round();
  expect((await runsOf(name)).map(({ trigger }) => trigger["kind"])).toEqual(["manual"]);
  expect((await stateOf(backfill)).reason).toMatchObject({ code: "limit_reached" });
  // Asked for later than the backfill, and still before it.
  await start();
  await allIsDue();
  await one.fire();
  expect((await runsOf(name)).map(({ trigger, state }) => `${String(trigger["kind"])} ${state}`)).toEqual([
    "manual running",
    "manual queued",
  ]);
});

test("a tick that has a run is left out, and one whose condition is false has none", async () => {
  const name = await deploy(
    `triggers: [{ schedule: { cron: "0 6 * * *" }, if: trigger.at != timestamp("2026-05-03T06:00:00Z") }]\n${endsAtOnce}`,
  );
  const one = await replica();
  const first = await begun({ workflow: name, from: "2026-05-01", to: "2026-05-03" });
  expect(await ended(one, first)).toMatchObject({ state: "succeeded", succeeded: 2 });
  const range = { workflow: name, from: "2026-05-01", to: "2026-05-05", skipExisting: true };
  const counted = await service.start(project, "ana", { ...range, dryRun: true }, undefined);
  expect(counted.value).toMatchObject({ count: 4, existing: 2, backfill: null });
  const second = await begun(range);
  expect(await ended(one, second)).toMatchObject({ state: "succeeded", total: 4, succeeded: 1, skipped: 3 });
  const { data } = await service.runs(project, second, ["skipped"], { limit: 10, cursor: undefined });
  expect(data.map(({ value, code }) => `${value.at?.slice(0, 10)} ${code}`)).toEqual([
    "2026-05-01 exists",
    "2026-05-02 exists",
    "2026-05-03 condition",
  ]);
  expect(await runsOf(name)).toHaveLength(3);
});

test("what failed is retried by a new backfill, which re-uses what succeeded and knows the same ticks", async () => {
  const name = await deploy(`inputs: { n: integer }\ntasks: { a: { if: 10 / inputs.n > 100, run: "true" } }`);
  const one = await replica();
  const values = [{ n: 1 }, { n: 0 }, { n: 2 }, { n: 0 }];
  const first = await begun({ workflow: name, values });
  expect(await ended(one, first)).toMatchObject({ state: "failed", succeeded: 2, failed: 2, what: "4 values" });
  const key = { caller: "ana", key: "again", requestSha256: "x" };
  const again = await service.retry(project, first, "ana", key);
  const second = await service.retry(project, first, "ana", key);
  expect(second).toMatchObject({ isReplayed: true, value: { backfill: again.value.backfill, count: 2 } });
  expect(await ended(one, again.value.backfill ?? "")).toMatchObject({
    state: "failed",
    total: 2,
    failed: 2,
    origin: first,
  });
  expect((await runsOf(name)).map(({ inputs }) => String(inputs["n"])).toSorted()).toEqual([..."000012"]);
  await expect(service.retry(project, await begun({ workflow: name, values }), "ana", undefined)).rejects.toMatchObject(
    {
      code: "state_conflict",
    },
  );
});

const P = "/projects/default";
const backfilled = ({ body }: Answer): string => String(body["backfill"]);
const reached = (backfill: string, state: string): Promise<Answer["body"]> =>
  until(`${backfill} is ${state}`, 20_000, async () => {
    const { body } = await server.call("GET", `${P}/backfills/${backfill}`);
    return body["state"] === state ? body : undefined;
  });

test("by its routes: counted first, started once for a key, paused, resumed and cancelled, all in the audit trail", async () => {
  await server.deploy(`version: 1\nname: report\n${daily}\ntasks: { a: { wait: 1h } }\n`);
  const body = { workflow: "report", ...may, maxParallel: 2 };
  const counted = await server.call("POST", `${P}/backfills`, { ...body, dryRun: true });
  expect(counted).toMatchObject({
    status: 200,
    body: {
      backfill: null,
      count: 31,
      first: { at: "2026-05-01T04:00:00.000Z" },
      last: { at: "2026-05-31T04:00:00.000Z" },
    },
  });
  expect((await owner.query("SELECT 1 FROM backfills")).rowCount).toBe(0);
  const key = { "idempotency-key": "may" };
  const racing = await Promise.all(Array.from({ length: 5 }, () => server.call("POST", `${P}/backfills`, body, key)));
  expect(new Set(racing.map(backfilled)).size).toBe(1);
  expect(racing.every(({ status }) => status === 202)).toBe(true);
  const [first = counted] = racing;
  const id = backfilled(first);
  expect((await server.call("POST", `${P}/backfills`, { ...body, order: "desc" }, key)).status).toBe(422);
  await until("two runs go on", 20_000, async () =>
    (await server.call("GET", `${P}/backfills/${id}`)).body["going"] === 2 ? true : undefined,
  );
  const act = (action: string, given?: unknown) => server.call("POST", `${P}/backfills/${id}/actions/${action}`, given);
  expect((await act("pause", { reason: "too much" })).body).toEqual({ backfill: id, state: "paused", already: false });
  expect((await act("pause")).body["already"]).toBe(true);
  expect((await reached(id, "paused"))["reason"]).toEqual({
    code: "backfill_paused",
    detail: "paused by local: too much",
  });
  const [oldest] = (await server.call("GET", `${P}/runs?workflow=report&sort=createdAt`)).body["data"] as {
    name: string;
  }[];
  await server.call("POST", `${P}/runs/${oldest?.name}/actions/cancel`, {});
  await until("the end of a run counts while it is paused", 20_000, async () => {
    const { body: now } = await server.call("GET", `${P}/backfills/${id}`);
    return now["going"] === 1 && now["cancelled"] === 1 ? true : undefined;
  });
  expect((await act("resume")).body["state"]).toBe("running");
  await until("two runs go on again", 20_000, async () =>
    (await server.call("GET", `${P}/backfills/${id}`)).body["going"] === 2 ? true : undefined,
  );
  expect((await act("retry")).body).toMatchObject({ code: "state_conflict" });
  expect((await act("cancel")).body["state"]).toBe("cancelling");
  expect(await reached(id, "cancelled")).toMatchObject({ cancelled: 3, left: 28, going: 0, reason: null });
  expect((await act("resume")).body).toMatchObject({ code: "state_conflict", evidence: { state: "cancelled" } });
  expect((await act("cancel")).body["already"]).toBe(true);
  const runs = await server.call("GET", `${P}/runs?workflow=report`);
  expect((runs.body["data"] as { state: string }[]).map(({ state }) => state)).toEqual([
    "cancelled",
    "cancelled",
    "cancelled",
  ]);
  const { body: trail } = await server.call("GET", `${P}/audit?action=runs:start`);
  const told = (trail["data"] as { subject: string; detail: { backfill?: string } }[])
    .filter(({ subject }) => subject === id)
    .map(({ detail }) => String(detail.backfill));
  expect(told.toSorted()).toEqual(["cancel", "pause", "resume", "start"]);
});

test("a backfill of ten million is refused, as is everything that cannot be meant", async () => {
  await server.deploy(`version: 1\nname: two\ninputs: { n: { type: integer, default: 1 } }\ntriggers:
  - { id: a, schedule: { cron: "0 6 * * *" } }\n  - { id: b, schedule: { cron: "* * * * *" } }\n${endsAtOnce}\n`);
  await server.deploy(`version: 1\nname: bare\n${endsAtOnce}\n`);
  const twenty = { from: "2006-05-01", to: "2026-05-01" };
  const day = { from: "2026-05-01", to: "2026-05-02" };
  const cases: readonly (readonly [unknown, string, RegExp])[] = [
    [{ workflow: "bare", ...twenty, every: "63s" }, "limit_exceeded", /10,01\d,\d{3} runs of bare.* at most 100,000/],
    [{ workflow: "two", ...twenty, schedule: "b" }, "limit_exceeded", /more than 100,000 runs/],
    [{ workflow: "two", ...day }, "malformed", /several: say which, a, b/],
    [{ workflow: "two", ...day, schedule: "c" }, "malformed", /no schedule c; there is a, b/],
    [{ workflow: "bare", ...day }, "malformed", /bare has no schedule/],
    [{ workflow: "bare", ...day, every: "1ms" }, "malformed", /every: a duration of a second or more/],
    [{ workflow: "two", from: "2026-05-02", to: "2026-05-01", schedule: "a" }, "malformed", /later than from/],
    [{ workflow: "two", from: "2026-05-01", to: "2999-05-01", schedule: "a" }, "malformed", /lies ahead/],
    [{ workflow: "two", from: "yesterday", to: "2026-05-01", schedule: "a" }, "malformed", /got yesterday/],
    [{ workflow: "bare", ...day, every: "1h", timezone: "Mars/Phobos" }, "malformed", /no time zone Mars/],
    [{ workflow: "two", values: [{ n: 1 }, { n: "x" }] }, "inputs_invalid", /value 1: /],
    [{ workflow: "two", values: [] }, "malformed", /values/],
    [{ workflow: "two" }, "malformed", /from and to, or values/],
    [{ workflow: "two", values: [{}], from: "2026-05-01", to: "2026-05-02" }, "malformed", /one of both/],
    [{ workflow: "two", values: [{}], maxParallel: 1000 }, "malformed", /maxParallel/],
    [{ workflow: "two", values: [{}], skipExisting: true }, "malformed", /skipExisting/],
    [{ workflow: "nobody", values: [{}] }, "not_found", /no workflow nobody/],
  ];
  const before = await owner.query("SELECT 1 FROM backfills");
  for (const [body, code, text] of cases) {
    const answer = await server.call("POST", `${P}/backfills`, body);
    expect(answer.body, JSON.stringify(body)).toMatchObject({ code });
    expect(String(answer.body["detail"]), JSON.stringify(body)).toMatch(text);
  }
  expect((await owner.query("SELECT 1 FROM backfills")).rowCount).toBe(before.rowCount);
  for (const id of ["bf_nothing", idFromUuid("bf", newId())])
    expect((await server.call("GET", `${P}/backfills/${id}`)).status).toBe(404);
  const empty = await server.call("POST", `${P}/backfills`, {
    workflow: "two",
    schedule: "a",
    from: "2026-05-01T07:00:00Z",
    to: "2026-05-01T08:00:00Z",
  });
  expect(empty).toMatchObject({ status: 200, body: { count: 0, backfill: null } });
});

test("the loops of a server carry a list of values to its end, and pages of it hold each value once", async () => {
  const values = Array.from({ length: 25 }, (_, n) => ({ n }));
  const started = await server.call("POST", `${P}/backfills`, { workflow: "two", values, maxParallel: 7 });
  const view = await reached(backfilled(started), "succeeded");
  expect(view).toMatchObject({ total: 25, succeeded: 25, left: 0, going: 0, what: "25 values" });
  const seen: unknown[] = [];
  let cursor = "";
  do {
    const { body } = await server.call("GET", `${P}/backfills/${backfilled(started)}/runs?limit=10${cursor}`);
    for (const { value } of body["data"] as { value: { inputs: { n: number } } }[]) seen.push(value.inputs.n);
    cursor = body["nextCursor"] === null ? "" : `&cursor=${String(body["nextCursor"])}`;
  } while (cursor !== "");
  expect(seen).toEqual(values.map(({ n }) => n));
  const list = await server.call("GET", `${P}/backfills?workflow=two&state=succeeded&limit=1`);
  expect((list.body["data"] as { id: string }[]).map(({ id }) => id)).toEqual([backfilled(started)]);
}, 60_000);
