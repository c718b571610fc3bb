import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { serverFixture, type Answer } from "../testing/server-fixture.ts";

const database = await cloneDatabase();
const server = await serverFixture(database);
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await server.close();
});
const P = "/projects/default";
const actions = `${P}/runs/actions`;

await server.deploy('version: 1\nname: job\ninputs: { n: integer }\ntasks:\n  a: { run: "true" }\n');
async function start(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const { status } = await server.call("POST", `${P}/workflows/job/runs`, { inputs: { n } });
    expect(status).toBe(202);
  }
}
const statesOf = async (): Promise<Record<string, number>> => {
  const { rows } = await owner.query<{ state: string; count: number }>(
    "SELECT state, count(*)::int AS count FROM runs GROUP BY state",
  );
  return Object.fromEntries(rows.map((row) => [row.state, row.count]));
};
const finished = ({ body }: Answer): Promise<Record<string, unknown>> =>
  until("the operation is over", 20_000, async () => {
    const { body: view } = await server.call("GET", `${P}/operations/${String(body["operation"])}`);
    return view["open"] === 0 ? view : undefined;
  });

test("many runs are counted first, and cancelled where they are as many as expected", async () => {
  await start(12);
  const filter = { workflow: ["job"] };
  const counted = await server.call("POST", `${actions}/cancel`, { filter, dryRun: true });
  expect(counted).toMatchObject({ status: 200, body: { count: 12, operation: null } });
  expect(counted.body["runs"]).toHaveLength(10);
  expect(await statesOf()).not.toHaveProperty("cancelled");
  expect(await server.call("POST", `${actions}/cancel`, { filter, expectCount: 11 })).toMatchObject({
    status: 409,
    body: { code: "count_changed", evidence: { count: 12 } },
  });
  const started = await server.call("POST", `${actions}/cancel`, { filter, expectCount: 12, reason: "not today" });
  expect(started).toMatchObject({ status: 202, body: { count: 12 } });
  expect(await finished(started)).toMatchObject({ action: "cancel", total: 12, done: 12, refused: 0, problems: [] });
  expect(await statesOf()).toEqual({ cancelled: 12 });
  // What has ended does not fit any more.
  const again = await server.call("POST", `${actions}/cancel`, { filter });
  expect(again).toMatchObject({ status: 200, body: { count: 0, operation: null } });
  expect((await server.call("GET", `${P}/audit?action=runs:cancel&count=1`)).body).toMatchObject({ total: 13 });
});

test("a retry of many makes one run each, however often it is asked for and taken over", async () => {
  const key = { "idempotency-key": "retry-all" };
  const body = { filter: { state: ["cancelled"] }, mode: "all" };
  const first = await server.call("POST", `${actions}/retry`, body, key);
  const second = await server.call("POST", `${actions}/retry`, body, key);
  expect(second.body).toEqual(first.body);
  expect(second.headers.get("idempotency-replayed")).toBe("true");
  expect(await finished(first)).toMatchObject({ done: 12, refused: 0 });
  // As if a replica had died after it started the runs and before it wrote what came of them.
  await owner.query(
    "UPDATE operation_runs SET outcome = NULL, claimed_until = clock_timestamp() WHERE outcome = 'done'",
  );
  expect(await finished(first)).toMatchObject({ done: 12, refused: 0 });
  expect(await statesOf()).toEqual({ cancelled: 12, running: 12 });
});

test("what cannot be done is refused run by run, with its reason, and the others go on", async () => {
  await owner.query("UPDATE runs SET inputs = '{}' WHERE state = 'cancelled' AND number = 1");
  const started = await server.call("POST", `${actions}/rerun`, { filter: { state: ["cancelled"] } });
  const view = await finished(started);
  expect(view).toMatchObject({ total: 12, done: 11, refused: 1, problems: [{ run: "job-1", code: "inputs_invalid" }] });
});

test("nobody means all runs, and a bad request changes nothing", async () => {
  const before = await statesOf();
  for (const [body, code] of [
    [{ filter: {} }, "malformed"],
    [{}, "malformed"],
    [{ filter: { state: ["unknown"] } }, "malformed"],
    [{ filter: { label: ["no-colon"] } }, "filter_invalid"],
    [{ filter: { workflow: ["job"] }, expectCount: -1 }, "malformed"],
  ] as const)
    expect((await server.call("POST", `${actions}/cancel`, body)).body).toMatchObject({ code });
  expect(await statesOf()).toEqual(before);
  expect((await server.call("GET", `${P}/operations/op_nothing`)).status).toBe(404);
});
