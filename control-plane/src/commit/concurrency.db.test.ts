import type { CanonicalConcurrency, CanonicalTask } from "@capstan/proto";
import pg from "pg";
import { pino } from "pino";
import { afterAll, afterEach, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { commitFixture } from "../testing/commit-fixture.ts";
import { admissionLoop } from "./admission-loop.ts";
import type { StartOutcome, WorkflowEdition } from "./commit.ts";
import { timerLoop } from "./timer-loop.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, pools, projectId, dispatchStore, signals } = fixture;
const other = await fixture.replica();
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await pools.close();
});
const silent = pino({ level: "silent" });
const loops = [
  admissionLoop(dispatchStore, loop, signals, silent),
  admissionLoop(dispatchStore, other, signals, silent),
  timerLoop({ store: dispatchStore, commit: loop, signals, log: silent }),
];
afterEach(() => Promise.all(loops.map((one) => one.stop())));
const run = (): void => {
  for (const one of loops) one.start();
};

const task: CanonicalTask = { action: { run: { script: "true" } }, needs: [] };
const deploy = (name: string, concurrency: CanonicalConcurrency) =>
  fixture.deploy({ version: 1, name, inputs: { key: { type: "string" } }, concurrency, tasks: { only: task } });
const start = (edition: WorkflowEdition, key = "a", by = loop) =>
  by.start({ edition, inputs: { key }, labels: {}, trigger: { kind: "test" } });
const idOf = (outcome: StartOutcome): string => ("runId" in outcome ? outcome.runId : "");
const states = async (ids: readonly string[]): Promise<string[]> => {
  const { rows } = await owner.query<{ id: string; state: string }>("SELECT id, state FROM runs WHERE id = ANY ($1)", [
    ids,
  ]);
  return ids.map((id) => rows.find((row) => row.id === id)?.state ?? "none");
};
const active = async (edition: WorkflowEdition): Promise<string[]> => {
  const { rows } = await owner.query<{ id: string }>(
    "SELECT id FROM runs WHERE workflow_id = $1 AND state IN ('running', 'cancelling') ORDER BY id",
    [edition.workflowId],
  );
  return rows.map((row) => row.id);
};
/** Ends a run by whichever replica has a true picture of it. */
async function end(runId: string): Promise<void> {
  for (const replica of [loop, other])
    await replica.submit(projectId, runId, { kind: "cancel_run", actor: "t", reason: "", force: true });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const at = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > at) throw new Error("it did not come to that within 20 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("two replicas start runs of one group at once: no more go on than may, and all have their turn in order", async () => {
  const edition = await deploy("queued", { key: { $expr: "inputs.key" }, limit: 2 });
  run();
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, (_, i) => start(edition, "a", i % 2 === 0 ? loop : other)),
  );
  const ids = outcomes.map(idOf);
  const ended = new Set<string>();
  await until(async () => {
    const now = await active(edition);
    if (now.length > 2) throw new Error(`${now.length} go on`);
    for (const id of now) {
      await end(id);
      ended.add(id);
    }
    return ended.size === 12;
  });
  expect(new Set(await states(ids))).toEqual(new Set(["cancelled"]));
  expect((await owner.query("SELECT 1 FROM run_groups")).rowCount).toBe(0);
});

test("other keys are other groups", async () => {
  const edition = await deploy("keyed", { key: { $expr: "inputs.key" } });
  const ids = [idOf(await start(edition, "a")), idOf(await start(edition, "b")), idOf(await start(edition, "a"))];
  expect(await states(ids)).toEqual(["running", "running", "queued"]);
});

test("a run whose admission nobody lived to see is found by the rows", async () => {
  const edition = await deploy("forgotten", {});
  const [first, second] = [idOf(await start(edition)), idOf(await start(edition))];
  // The replica that ends the first has no admission loop: as if it died right after the commit.
  await end(first);
  expect(await states([first, second])).toEqual(["cancelled", "queued"]);
  run();
  await until(async () => (await states([second]))[0] === "running");
  const { rows } = await owner.query<{ late: boolean }>(
    "SELECT deadline_at > clock_timestamp() + interval '23 hours' AS late FROM runs WHERE id = $1",
    [second],
  );
  expect(rows).toEqual([{ late: true }]);
});

test("101: skip makes no run while the limit is held, and names the holder", async () => {
  const edition = await deploy("skipping", { onLimit: "skip" });
  const first = idOf(await start(edition));
  expect(await start(edition)).toEqual({
    kind: "limit_reached",
    limit: 1,
    queuedMax: 1000,
    active: 1,
    waiting: 0,
    holders: [first],
  });
  await end(first);
  expect((await start(edition)).kind).toBe("started");
  expect((await owner.query("SELECT 1 FROM runs WHERE workflow_id = $1", [edition.workflowId])).rowCount).toBe(2);
});

test("a start that is sent again gets its run, also where another one would be skipped", async () => {
  const edition = await deploy("repeated", { onLimit: "skip" });
  const request = {
    edition,
    inputs: { key: "a" },
    labels: {},
    trigger: { kind: "test" },
    idempotency: { caller: "u", key: "k", requestSha256: "x" },
  };
  const first = await loop.start(request);
  expect(await loop.start(request)).toEqual({ kind: "replayed", runId: idOf(first) });
});

test("no more wait than maxQueued says", async () => {
  const edition = await deploy("full", { maxQueued: 1 });
  await start(edition);
  await start(edition);
  expect(await start(edition)).toMatchObject({ kind: "queue_full", active: 1, waiting: 1, queuedMax: 1 });
});

test("cancelRunning: the newest run cancels those before it and goes on when they have ended", async () => {
  const edition = await deploy("replacing", { onLimit: "cancelRunning" });
  const first = idOf(await start(edition));
  const second = idOf(await start(edition));
  const third = idOf(await start(edition));
  expect(await states([first, second, third])).toEqual(["running", "queued", "queued"]);
  run();
  await until(async () => (await states([third]))[0] === "running");
  expect(await states([first, second])).toEqual(["cancelled", "cancelled"]);
});

test("replaceQueued: only the newest waits, and what runs goes on", async () => {
  const edition = await deploy("newest", { onLimit: "replaceQueued" });
  const ids: string[] = [];
  for (let i = 0; i < 4; i++) ids.push(idOf(await start(edition)));
  run();
  await until(async () => (await states(ids)).filter((state) => state === "cancelled").length === 2);
  expect(await states(ids)).toEqual(["running", "cancelled", "cancelled", "queued"]);
});

test("a run that waits can be cancelled, and gives its place up", async () => {
  const edition = await deploy("given-up", {});
  const [first, second, third] = [await start(edition), await start(edition), await start(edition)].map(idOf);
  const cancelled = await loop.submit(projectId, second ?? "", {
    kind: "cancel_run",
    actor: "ana",
    reason: "",
    force: false,
  });
  expect(cancelled).toEqual({ kind: "accepted" });
  run();
  await end(first ?? "");
  await until(async () => (await states([third ?? ""]))[0] === "running");
  expect(await states([second ?? ""])).toEqual(["cancelled"]);
});

test("a paused run that waits keeps nobody back", async () => {
  const edition = await deploy("paused-wait", {});
  const [first, second, third] = [await start(edition), await start(edition), await start(edition)].map(idOf);
  await loop.submit(projectId, second ?? "", { kind: "pause_run", actor: "ana", reason: "" });
  run();
  await end(first ?? "");
  await until(async () => (await states([third ?? ""]))[0] === "running");
  expect(await states([second ?? ""])).toEqual(["paused"]);
});
