import type { CanonicalTask, CanonicalWorkflow } from "@capstan/proto";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until as untilAnswer } from "../../../test/support/until.ts";
import { timerLoop } from "../commit/timer-loop.ts";
import { PgEventStore } from "../database/store/event-store.ts";
import { commitFixture, newId } from "../testing/commit-fixture.ts";
import { lookBack, tellLoop } from "./tell-loop.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, pools, projectId, signals, dispatchStore } = fixture;
const events = new PgEventStore(pools.engine, pools.api);
const log = pino({ level: "silent" });
const timers = timerLoop({
  store: dispatchStore,
  commit: loop,
  signals,
  log,
  special: new Map([["event:look", (timer) => lookBack(events, timer)]]),
});
const telling = tellLoop(events, signals, log);
afterAll(async () => {
  await Promise.all([timers.stop(), telling.stop()]);
  await loop.drained();
  await pools.close();
});

const until = (what: string, ask: () => Promise<boolean>): Promise<boolean> =>
  untilAnswer(what, 20_000, async () => (await ask()) || undefined);

const paid: CanonicalTask = {
  action: { wait: { event: { type: "order.paid", if: { $expr: "event.data.order == 7" } } } },
  needs: [],
};

async function begin(name: string, tasks: CanonicalWorkflow["tasks"]): Promise<string> {
  const edition = await fixture.deploy({ version: 1, name, tasks });
  const started = await loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
  if (started.kind !== "started") throw new Error(started.kind);
  return started.runId;
}

async function stateOf(runId: string): Promise<string> {
  const { rows } = await pools.engine.query<{ state: string }>("SELECT state FROM runs WHERE id = $1", [runId]);
  return rows[0]?.state ?? "none";
}

const timerKinds = async (runId: string): Promise<string[]> =>
  (
    await pools.engine.query<{ kind: string }>("SELECT kind FROM timers WHERE run_id = $1 ORDER BY kind", [runId])
  ).rows.map((row) => row.kind);

async function waitingFor(runId: string): Promise<string | null> {
  const { rows } = await pools.engine.query<{ awaits: string | null }>("SELECT awaits FROM timers WHERE run_id = $1", [
    runId,
  ]);
  return rows[0]?.awaits ?? null;
}

async function send(order: number, dedupe?: string): Promise<boolean> {
  const id = newId();
  const body = { id, type: "order.paid", at: new Date().toISOString(), data: { order } };
  return (await events.put(projectId, { id, type: "order.paid", dedupe, actor: "test", body })).isNew;
}

test("a wait for a time ends by its row, whichever replica finds it", async () => {
  const runId = await begin("nap", { a: { action: { wait: { forMs: 30 } }, needs: [] } });
  expect(await timerKinds(runId)).toEqual(["suspended"]);
  // Nobody here remembers it: only the row is left.
  const other = await fixture.replica();
  const again = timerLoop({ store: dispatchStore, commit: other, signals, log });
  again.start();
  await until("the wait ended", async () => (await stateOf(runId)) === "succeeded");
  await again.stop();
  expect(await timerKinds(runId)).toEqual([]);
});

test("an event is told once it is kept: a crash in between is made good by the loop", async () => {
  const runId = await begin("late_event", { a: paid });
  timers.start();
  await until("it looked back", async () => (await timerKinds(runId)).join() === "suspended");
  // The request that brought it dies here: the event is kept, nobody was told, no signal was given.
  await send(6);
  await send(7);
  expect(await stateOf(runId)).toBe("running");
  telling.start();
  await until("the event was told", async () => (await stateOf(runId)) === "succeeded");
  await Promise.all([timers.stop(), telling.stop()]);
  expect(await timerKinds(runId)).toEqual([]);
});

test("104 · an event after the run's creation and before its wait is seen; one from before the run is not", async () => {
  await send(7);
  await pools.engine.query(
    "UPDATE project_events SET received_at = received_at - interval '1 hour', told_at = received_at",
  );
  const runId = await begin("early_event", {
    nap: { action: { wait: { forMs: 1 } }, needs: [] },
    a: { ...paid, needs: ["nap"] },
  });
  // No loop runs yet: `a` has not begun to wait, and nobody waits for what is told now.
  await send(8);
  expect(await events.tell(10)).toBe(1);
  timers.start();
  await until(
    "the first waits",
    async () => (await timerKinds(runId)).join() === "suspended" && (await waitingFor(runId)) === "event:order.paid",
  );
  await timers.stop();
  const second = await begin("early_event_too", {
    nap: { action: { wait: { forMs: 1 } }, needs: [] },
    a: { ...paid, needs: ["nap"] },
  });
  await send(7);
  // The first run waits and is told; the second one does not wait yet.
  expect(await events.tell(10)).toBe(1);
  timers.start();
  await until(
    "both ended",
    async () => (await stateOf(runId)) === "succeeded" && (await stateOf(second)) === "succeeded",
  );
  await timers.stop();
});

test("one id is one event, however often it is sent", async () => {
  expect(await send(1, "id shop 1")).toBe(true);
  expect(await send(1, "id shop 1")).toBe(false);
});

test("what is handed over to a run that was never made is taken away", async () => {
  const runId = newId();
  await pools.engine.query(
    "INSERT INTO timers (project_id, run_id, position, kind, due_at, body) VALUES ($1, $2, -1, 'held', clock_timestamp(), '{}')",
    [projectId, runId],
  );
  timers.start();
  await until("the row went", async () => (await timerKinds(runId)).length === 0);
  await timers.stop();
  expect(await stateOf(runId)).toBe("none");
});
