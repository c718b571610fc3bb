import type { CanonicalTask } from "@capstan/proto";
import pg from "pg";
import { pino } from "pino";
import { afterAll, afterEach, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import type { WorkflowEdition } from "../commit/commit.ts";
import { commitFixture } from "../testing/commit-fixture.ts";
import { DispatchLoop } from "./dispatch-loop.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, sessions, pools, dispatchStore, backlog } = fixture;
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await pools.close();
});
const agent = await fixture.addAgent(0, { zone: "a" });
const dispatcher = new DispatchLoop(
  { store: dispatchStore, commit: loop, sessions, backlog, log: pino({ level: "silent" }) },
  { everyMs: 50 },
);
afterEach(async () => {
  await dispatcher.loop.stop();
  await owner.query("DELETE FROM task_queue");
  backlog.replace([]);
  agent.free = 0;
  sessions.offers.length = 0;
});

const task = (part: Partial<CanonicalTask> = {}): CanonicalTask => ({
  action: { run: { script: "true" } },
  needs: [],
  leaseMs: 30_000,
  ...part,
});
const start = (edition: WorkflowEdition, inputs = {}) =>
  loop.start({ edition, inputs, labels: {}, trigger: { kind: "test" } });

/** Workflow names in the order in which slots were given to them, one slot at a time. */
async function order(count: number): Promise<string[]> {
  dispatcher.loop.start();
  for (let i = 0; i < count; i++) {
    sessions.release(agent.agentId);
    const end = performance.now() + 10_000;
    while (sessions.offers.length <= i) {
      if (performance.now() > end) throw new Error(`the offer ${i + 1} did not come within 10 s`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  return sessions.offers.map((one) => one.attempt.runName.replace(/-\d+$/, ""));
}

test("priority is strict, also between work that asks for different labels", async () => {
  const low = await fixture.deploy({ version: 1, name: "low", priority: 4, tasks: { a: task() } });
  const mid = await fixture.deploy({
    version: 1,
    name: "mid",
    tasks: { a: task({ runsOn: { labels: { zone: "a" } } }) },
  });
  const high = await fixture.deploy({ version: 1, name: "high", priority: 1, tasks: { a: task() } });
  for (const edition of [low, low, mid, mid, high, high]) await start(edition);
  expect(await order(6)).toEqual(["high", "high", "mid", "mid", "low", "low"]);
});

test("the priority of a run may follow from its inputs", async () => {
  const edition = await fixture.deploy({
    version: 1,
    name: "asked",
    inputs: { urgent: { type: "boolean" } },
    priority: { $expr: "inputs.urgent ? 1 : 5" },
    tasks: { a: task() },
  });
  const plain = await fixture.deploy({ version: 1, name: "plain", tasks: { a: task() } });
  await start(edition, { urgent: false });
  await start(plain);
  await start(edition, { urgent: true });
  expect(await order(3)).toEqual(["asked", "plain", "asked"]);
});

test("workflows take turns: a backlog of one does not keep the other back", async () => {
  const many = await fixture.deploy({ version: 1, name: "many", tasks: { a: task() } });
  const few = await fixture.deploy({ version: 1, name: "few", tasks: { a: task() } });
  for (let i = 0; i < 40; i++) await start(many);
  for (let i = 0; i < 3; i++) await start(few);
  const given = await order(9);
  expect(given.filter((name) => name === "few")).toHaveLength(3);
});

test("a fairness key divides the runs of one workflow", async () => {
  const edition = await fixture.deploy({
    version: 1,
    name: "shared",
    inputs: { customer: { type: "string" } },
    fairnessKey: { $expr: "inputs.customer" },
    tasks: { a: task() },
  });
  for (let i = 0; i < 30; i++) await start(edition, { customer: "large" });
  const small = await start(edition, { customer: "small" });
  await order(4);
  expect(sessions.offers.map((one) => one.attempt.runId)).toContain("runId" in small ? small.runId : "");
});

test("what waits rises by a level each quarter of an hour, and never above the first", async () => {
  const low = await fixture.deploy({ version: 1, name: "patient", priority: 5, tasks: { a: task() } });
  await start(low);
  const waited = async (minutes: number): Promise<unknown> => {
    await owner.query("UPDATE task_queue SET queued_at = clock_timestamp() - $1 * interval '1 minute'", [minutes]);
    await dispatchStore.raiseWaiting(100);
    await dispatchStore.raiseWaiting(100);
    return (await owner.query<{ priority: number }>("SELECT priority FROM task_queue")).rows[0]?.priority;
  };
  expect(await waited(14)).toBe(5);
  expect(await waited(16)).toBe(4);
  expect(await waited(46)).toBe(2);
  expect(await waited(500)).toBe(1);
});

test("an agent that is preferred and free gets the work; another one does where it is not", async () => {
  const other = await fixture.addAgent(0, { zone: "b" });
  const first = await fixture.deploy({
    version: 1,
    name: "prefers",
    tasks: { a: task({ runsOn: { prefer: [{ labels: { zone: "b" }, weight: 10 }] } }) },
  });
  const places = async (freeA: number, freeB: number): Promise<boolean[]> => {
    agent.free = freeA;
    other.free = freeB;
    sessions.offers.length = 0;
    await start(first);
    return sessions.offers.map((one) => one.slot.agentId === other.agentId);
  };
  expect(await places(5, 1)).toEqual([true]);
  expect(await places(5, 0)).toEqual([false]);
  sessions.agents.splice(sessions.agents.indexOf(other), 1);
});

test("sameAs sends a task to the agent of the other one", async () => {
  const agents = [agent, await fixture.addAgent(0), await fixture.addAgent(0)];
  const edition = await fixture.deploy({
    version: 1,
    name: "together",
    tasks: {
      a: task(),
      b: task({ needs: ["a"], runsOn: { prefer: [{ sameAs: "a", weight: 1 }] } }),
    },
  });
  const [, , last] = agents;
  if (last === undefined) throw new Error("no third agent");
  last.free = 1;
  await start(edition);
  const [given] = sessions.offers;
  for (const one of agents) one.free = 5;
  await loop.submit(fixture.projectId, given?.attempt.runId ?? "", {
    kind: "attempt_finished",
    attemptId: given?.attempt.attemptId ?? "",
    epoch: given?.attempt.epoch ?? 0,
    by: { agentId: last.agentId, session: last.session },
    result: { outcome: "succeeded" },
  });
  expect(sessions.offers.map((one) => one.slot.agentId)).toEqual([last.agentId, last.agentId]);
});
