// Triggers that events and the ends of runs fire, on PostgreSQL: one run for each (what happened, trigger), whatever dies.
import pg from "pg";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { idFromUuid } from "@capstan/proto";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { ColdReads } from "../database/cold-reads.ts";
import { isUnavailable } from "../database/pool.ts";
import { PgDeliveryStore } from "../database/store/delivery-store.ts";
import { PgEarlyStore } from "../database/store/early-store.ts";
import { PgEventStore } from "../database/store/event-store.ts";
import { PgRelayStore } from "../database/store/relay-store.ts";
import { PgWorkflowStore } from "../database/store/workflow.store.ts";
import { commitFixture, newId } from "../testing/commit-fixture.ts";
import { deploySource } from "../testing/deploy-source.ts";
import { serverFixture } from "../testing/server-fixture.ts";
import { WorkflowEditions } from "../workflow/editions.ts";
import { EarlyRuns } from "./early-run.ts";
import { TriggerStarter } from "./trigger-starter.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { pools, projectId, dispatchStore } = fixture;
const cold = new ColdReads(database);
const workflows = new PgWorkflowStore(pools.api, cold);
const log = pino({ level: "silent" });
const early = new EarlyRuns({
  store: new PgEarlyStore(pools.engine),
  nowMs: () => Date.now(),
  newId,
  publicUrl: () => "",
});
const served = await cloneDatabase();
const server = await serverFixture(served);
const owner = new pg.Client({ connectionString: served.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await server.close();
  await fixture.loop.drained();
  await cold.close();
  await pools.close();
});

const waits = "tasks: { a: { wait: 1h } }";
const P = "/projects/default";

/** A replica: the loops of events, of the relay and of timers. It may die where a start would begin, or right after it. */
async function replica(dies: () => boolean = () => false) {
  const loop = await fixture.replica();
  const starter = new TriggerStarter({
    commit: loop,
    store: new PgDeliveryStore(pools.engine),
    editions: new WorkflowEditions(workflows),
    early,
    isUnavailable,
    log,
  });
  const events = new PgEventStore(pools.engine, pools.api);
  const relay = new PgRelayStore(pools.engine, () => "");
  return {
    loop,
    events,
    look: async () => {
      await events.tell(10);
      await relay.relay(50);
    },
    fire: async () => {
      for (const timer of await dispatchStore.dueTimers(1000)) {
        if (timer.kind !== "trigger_start" || dies()) continue;
        await starter.start(timer).catch(() => undefined);
      }
    },
  };
}

const countOf = async (workflow: string): Promise<number> =>
  (
    await pools.engine.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM runs WHERE project_id = $1 AND workflow_name = $2",
      [projectId, workflow],
    )
  ).rows[0]?.n ?? 0;

test("each event and each end of a run becomes one run for each trigger, with three replicas that die in between", async () => {
  await deploySource(
    workflows,
    projectId,
    `version: 1\nname: made\ntriggers: [{ event: { type: "order.*" } }]\n${waits}`,
  );
  await deploySource(
    workflows,
    projectId,
    `version: 1\nname: paid\ntriggers: [{ event: { type: order.paid } }]\n${waits}`,
  );
  await deploySource(
    workflows,
    projectId,
    `version: 1\nname: after\ntriggers: [{ workflow: { name: paid, outcome: [cancelled] } }]\n${waits}`,
  );
  const dice = { rolls: 0 };
  const dies = (): boolean => ++dice.rolls % 3 === 0;
  const replicas = await Promise.all([replica(dies), replica(dies), replica(dies)]);
  const [first] = replicas;
  for (let i = 0; i < 60; i++) {
    const type = i % 2 === 0 ? "order.paid" : "order.sent";
    // Sent twice: a repeat is the same event.
    for (let n = 0; n < 2; n++)
      await first?.events.put(projectId, {
        id: newId(),
        type,
        dedupe: `id ${i}`,
        actor: "ana",
        body: { id: `${i}`, type },
      });
  }
  for (let round = 0; round < 12; round++) {
    await Promise.all(replicas.flatMap((one) => [one.look(), one.look()]));
    await Promise.all(replicas.map((one) => one.fire()));
    const { rows } = await pools.engine.query<{ id: string }>(
      "SELECT id FROM runs WHERE project_id = $1 AND workflow_name = 'paid' AND ended_at IS NULL LIMIT 7",
      [projectId],
    );
    for (const { id } of rows)
      await first?.loop.submit(projectId, id, { kind: "cancel_run", actor: "ana", reason: "", force: false });
  }
  const survivor = await replica();
  for (let round = 0; round < 12; round++) {
    await survivor.look();
    await survivor.fire();
    const { rows } = await pools.engine.query<{ id: string }>(
      "SELECT id FROM runs WHERE project_id = $1 AND workflow_name = 'paid' AND ended_at IS NULL",
      [projectId],
    );
    for (const { id } of rows)
      await survivor.loop.submit(projectId, id, { kind: "cancel_run", actor: "ana", reason: "", force: false });
  }
  expect(dice.rolls).toBeGreaterThan(60);
  expect([await countOf("made"), await countOf("paid"), await countOf("after")]).toEqual([60, 30, 30]);
  const left = await pools.engine.query("SELECT 1 FROM timers WHERE kind = 'trigger_start'");
  expect(left.rowCount).toBe(0);
}, 120_000);

interface Delivery {
  /** It has become no run yet, and nothing says that it never will. */
  readonly waits: boolean;
  readonly outcome: string | null;
  readonly detail: string | null;
  readonly run_id: string | null;
}
const deliveriesOf = async (workflow: string): Promise<readonly Delivery[]> =>
  (
    await owner.query<Delivery>(
      `SELECT d.outcome, d.detail, d.run_id,
              EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'trigger_start' AND t.run_id = d.run_id) AS waits
         FROM trigger_deliveries d JOIN workflows w ON w.id = d.workflow_id
        WHERE w.name = $1 ORDER BY d.received_at`,
      [workflow],
    )
  ).rows;
const settled = (workflow: string, count: number): Promise<readonly Delivery[]> =>
  until(`${count} deliveries of ${workflow}`, 20_000, async () => {
    const found = await deliveriesOf(workflow);
    return found.length >= count && found.every(({ waits }) => !waits) ? found : undefined;
  });
const send = (type: string, data: unknown, headers = {}) => server.call("POST", `${P}/events`, { type, data }, headers);
const runsOf = async (workflow: string) =>
  (await server.call("GET", `${P}/runs?workflow=${workflow}`)).body["data"] as Record<string, unknown>[]; // of runList

test("an event gives a run its inputs and labels, where the condition holds; what does not become one says why", async () => {
  await server.deploy(`version: 1
name: ship
inputs: { order: { type: integer, minimum: 5 } }
triggers:
  - event: { type: order.paid }
    if: trigger.event.data.paid == true
    inputs: { order: "\${{ int(trigger.event.data.order) }}" }
    labels: { by: "\${{ trigger.event.type }}" }
tasks: { say: { wait: 10ms, if: "trigger.?event.?data.?paid.orValue(false) == true" } }
`);
  for (const data of [{ order: 7, paid: true }, { order: 8, paid: false }, { order: 1, paid: true }, { paid: true }, 4])
    await send("order.paid", data);
  await send("order.sent", { order: 9, paid: true });
  const found = await settled("ship", 5);
  expect(found.map(({ outcome }) => outcome)).toEqual([null, "filtered", "failed", "failed", "failed"]);
  expect(found[1]?.detail).toContain('{"trigger.event.data.paid":false}');
  expect(found[2]?.detail).toContain("at least 5");
  expect(found.slice(1).map(({ run_id }) => run_id)).toEqual([null, null, null, null]);
  const [run, ...others] = await runsOf("ship");
  expect(others).toEqual([]);
  expect(run).toMatchObject({ labels: { by: "order.paid" }, trigger: { kind: "event", id: "event", actor: "local" } });
  const name = String(run?.["name"]);
  await until("its end", 20_000, async () => {
    const { body } = await server.call("GET", `${P}/runs/${name}`);
    return body["state"] === "succeeded" ? body : undefined;
  });
  // The task asked for the event, so that it was kept with the run.
  expect((await server.call("GET", `${P}/runs/${name}/tasks/say`)).body).toMatchObject({ state: "succeeded" });
});

test("the end of a run starts what listens to its outcome, with its outputs", async () => {
  await server.deploy(
    "version: 1\nname: load\ninputs: { n: integer }\ntasks: { a: { wait: 1ms } }\noutputs: { rows: '${{ inputs.n * 2 }}' }\n",
  );
  await server.deploy(`version: 1
name: report
inputs: { rows: integer, from: string }
triggers:
  - workflow: { name: load }
    inputs: { rows: "\${{ trigger.run.outputs.rows }}", from: "\${{ trigger.run.name }}" }
tasks: { a: { wait: 1ms } }
`);
  await server.deploy(
    "version: 1\nname: mourn\ntriggers: [{ workflow: { name: load, outcome: [failed, timed_out] } }]\ntasks: { a: { wait: 1ms } }\n",
  );
  await server.call("POST", `${P}/workflows/load/runs?wait=20s`, { inputs: { n: 21 } });
  await settled("report", 1);
  const [run] = await runsOf("report");
  expect(run).toMatchObject({ trigger: { kind: "workflow", actor: "run:load-1" } });
  const { body } = await server.call("GET", `${P}/runs/${String(run?.["name"])}`);
  expect(body["inputs"]).toEqual({ rows: 42, from: "load-1" });
  expect(await deliveriesOf("mourn")).toEqual([]);
});

test("a deploy refuses to listen to nobody and to go round for ever", async () => {
  const refused = async (...sources: string[]) => {
    const documents = sources.map((source, i) => ({ file: `${i}.yaml`, source: `version: 1\n${source}` }));
    const { body } = await server.call("POST", `${P}/deploys`, { documents });
    return (body["errors"] as { code: string; detail: string }[] | undefined)?.map(
      ({ code, detail }) => `${code}: ${detail}`,
    );
  };
  const listening = (name: string, to: string) =>
    `name: ${name}\ntriggers: [{ workflow: { name: ${to} } }]\n${waits}\n`;
  expect(await refused(listening("x", "ghost"))).toEqual(["unknown_workflow: it listens to ghost, which is not there"]);
  expect((await refused(listening("x", "x")))?.[0]).toContain("trigger_cycle");
  expect((await refused(listening("x", "y"), listening("y", "x")))?.[0]).toContain("x → y → x");
  // One starts the other, whose end starts the first.
  const starter = "name: s\ntriggers: [{ workflow: { name: c } }]\ntasks: { go: { workflow: c } }\n";
  expect((await refused(starter, `name: c\n${waits}\n`))?.[0]).toContain("trigger_cycle");
});

test("a chain of triggers that runs make by events is bounded, and says so", async () => {
  await server.deploy(`version: 1\nname: again\ntriggers: [{ event: { type: again } }]\n${waits}\n`);
  let headers = {};
  for (let n = 1; n <= 11; n++) {
    await send("again", n, headers);
    const found = await settled("again", n);
    const runId = found.at(-1)?.run_id;
    if (runId === null || runId === undefined) break;
    // What `capstan events send` says of itself within a task.
    headers = { "x-capstan-run": idFromUuid("run", runId) };
  }
  const outcomes = (await deliveriesOf("again")).map(({ outcome }) => outcome);
  expect(outcomes).toEqual([...Array.from({ length: 10 }, () => null), "chain_too_long"]);
}, 60_000);

test("a paused workflow holds what fires it; one that is taken away, or not enabled, is fired by nothing", async () => {
  const source = (more: string) =>
    `version: 1\nname: held\ntriggers: [{ event: { type: held }${more} }]\ntasks: { a: { wait: 1ms } }\n`;
  await server.deploy(source(""));
  await server.call("POST", `${P}/workflows/held/actions/pause`, {});
  await send("held", {});
  await settled("held", 1);
  expect((await runsOf("held")).map(({ state }) => state)).toEqual(["queued"]);
  await server.call("POST", `${P}/workflows/held/actions/resume`, {});
  await until("its end", 20_000, async () => {
    const [run] = await runsOf("held");
    return run?.["state"] === "succeeded" ? run : undefined;
  });
  await server.deploy(source(", enabled: false"));
  await send("held", {});
  await server.deploy("version: 1\nname: held\ntasks: { a: { wait: 1ms } }\n");
  await send("held", {});
  await until("both events are told", 20_000, async () =>
    (await owner.query("SELECT 1 FROM project_events WHERE told_at IS NULL")).rowCount === 0 ? true : undefined,
  );
  expect(await deliveriesOf("held")).toHaveLength(1);
});
