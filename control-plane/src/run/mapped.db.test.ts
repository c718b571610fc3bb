import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const database = await cloneDatabase();
const server = await serverFixture(database);
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await server.close();
});
await server.deploy(`version: 1
name: many
inputs: { shops: { type: array, items: { type: string } } }
tasks:
  count: { run: echo, forEach: "\${{ inputs.shops }}", maxParallel: 2 }
  check: { run: echo, forEach: { chain: count } }
`);
const runs = "/projects/default/runs";
const shops = ["berlin", "paris", "rome", "oslo", "bern"];

async function start(): Promise<string> {
  const { body } = await server.call("POST", "/projects/default/workflows/many/runs", { inputs: { shops } });
  return `${runs}/${String(body["name"])}`;
}

test("the tasks of a run are those of its document: a mapped one tells how its indexes stand", async () => {
  const run = await start();
  const { body } = await server.call("GET", `${run}/tasks`);
  expect(body["data"]).toMatchObject([
    { task: "count", state: "running", mapped: { total: 5, waiting: 3, running: 2, succeeded: 0 } },
    { task: "check", state: "running", mapped: { total: 5, waiting: 5, running: 0 } },
  ]);
});

test("a mapped task has the attempts of all its indexes", async () => {
  const run = await start();
  const number = Number(run.split("-").at(-1));
  // As the engine writes them when attempts are offered.
  await owner.query(
    `UPDATE task_runs t SET attempts = CASE t.key WHEN 'count.0' THEN 3 ELSE 1 END FROM runs r
      WHERE r.id = t.run_id AND r.number = $1 AND t.key LIKE 'count.%'`,
    [number],
  );
  expect((await server.call("GET", `${run}/tasks/count`)).body["attempts"]).toBe(4);
  const { body } = await server.call("GET", `${run}/tasks`);
  expect((body["data"] as { attempts: number }[]).map(({ attempts }) => attempts)).toEqual([4, 0]);
  expect((await server.call("GET", `${run}/tasks/count.0`)).body["attempts"]).toBe(3);
});

test("indexes are read in pages, each with its name, its index and its item", async () => {
  const run = await start();
  const first = await server.call("GET", `${run}/tasks?of=count&limit=1`);
  expect(first.body["data"]).toMatchObject([{ task: "count.0", index: 0, item: "berlin", mapped: null }]);
  const cursor = String(first.body["nextCursor"]);
  const second = await server.call("GET", `${run}/tasks?of=count&limit=1&cursor=${cursor}`);
  expect(second.body).toMatchObject({ data: [{ task: "count.1", index: 1, item: "paris" }], nextCursor: null });
  expect((await server.call("GET", `${run}/tasks/count.1`)).body).toMatchObject({ task: "count.1", item: "paris" });
  expect((await server.call("GET", `${run}/tasks?of=count&state=failed`)).body["data"]).toEqual([]);
  expect((await server.call("GET", `${run}/tasks?of=nothing`)).status).toBe(404);
});

test("an index that has not begun says what it waits for, and one that never will says so", async () => {
  const run = await start();
  const explain = async (task: string) => (await server.call("GET", `${run}/tasks/${task}/explain`)).body;
  expect(await explain("count.4")).toMatchObject({
    state: "waiting",
    code: "limit_reached",
    evidence: { limit: "maxParallel", max: 2, running: 2 },
  });
  expect(await explain("check.4")).toMatchObject({ code: "needs_pending", detail: "check.4 waits for count.4." });
  expect(await explain("count")).toMatchObject({
    detail: "count is running: 0 of 5 indexes have succeeded, 2 are at work, 3 have not begun.",
  });
  expect(await server.call("GET", `${run}/tasks/count.4`)).toMatchObject({ status: 404 });
  expect(await server.call("GET", `${run}/tasks/count.5/explain`)).toMatchObject({
    status: 404,
    body: { detail: expect.stringContaining("has 5 indexes, from 0 on") },
  });
  await server.call("POST", `${run}/tasks/count/actions/cancel`, {});
  expect(await explain("count.4")).toMatchObject({ state: "cancelled", code: "cancelled" });
  expect((await server.call("GET", `${run}/tasks/count`)).body).toMatchObject({
    state: "cancelled",
    mapped: { total: 5, waiting: 0, running: 0, cancelled: 5 },
  });
});
