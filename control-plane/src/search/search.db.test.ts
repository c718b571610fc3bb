// Searching runs: what lies near is looked at, what lies far is found by its terms, and pages hold each run once.
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { serverFixture } from "../testing/server-fixture.ts";

const database = await cloneDatabase();
const server = await serverFixture(database);
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await server.close();
});
const P = "/projects/default";
await server.deploy(`version: 1
name: orders
inputs: { n: integer, customer: { type: string, default: nobody } }
labels: { team: "\${{ inputs.n > 5 ? 'red' : 'blue' }}" }
tasks: { a: { if: 10 / inputs.n > 100, run: "true" } }
`);
await server.deploy("version: 1\nname: slow\ntasks: { a: { wait: 1h } }\n");
await server.deploy('version: 1\nname: filler\ntasks: { a: { run: "true" } }\n');

const started: string[] = [];
for (let n = 0; n < 12; n++) {
  const inputs = { n: n % 4 === 0 ? 0 : n, ...(n === 7 ? { customer: "Ada & Co" } : {}) };
  const { body } = await server.call("POST", `${P}/workflows/orders/runs?wait=20s`, { inputs });
  started.push(String(body["name"]));
}
await server.call("POST", `${P}/workflows/slow/runs`, {});
const agent = "0198a000-0000-7000-8000-000000000001";
await owner.query(
  `INSERT INTO agents (project_id, id, pool_id, name, state, key_thumbprint, identity_key)
   SELECT project_id, $1, id, 'db-1', 'active', 'x', '{}' FROM pools`,
  [agent],
);
await owner.query(
  `INSERT INTO attempts (project_id, id, run_id, position, number, epoch, agent_id, session, state, offered_at, ended_at)
   SELECT project_id, gen_random_uuid(), id, 0, 1, 1, $1, 1, 'succeeded', now(), now() FROM runs WHERE workflow_name = 'orders' AND number IN (2, 3)`,
  [agent],
);
await owner.query(
  "UPDATE runs SET ended_at = started_at + interval '2 hours' WHERE workflow_name = 'orders' AND number = 4",
);
// What the loop has written by now is taken back, so that it sees what was changed by hand.
await owner.query("DELETE FROM run_search; UPDATE search_position SET tx = '0', event_id = 0");

const names = async (query: string): Promise<readonly string[]> => {
  const { status, body } = await server.call("GET", `${P}/runs?${query}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return (body["data"] as { name: string }[]).map(({ name }) => name);
};
const indexed = (count: number): Promise<true> =>
  until("all are findable", 30_000, async () => {
    const { rows } = await owner.query<{ count: number }>("SELECT count(*)::int AS count FROM run_search");
    return (rows[0]?.count ?? 0) >= count ? true : undefined;
  });

const questions: readonly (readonly [query: string, found: readonly number[]])[] = [
  ["workflow=orders&state=failed", [9, 5, 1]],
  ["error=division%20zero", [9, 5, 1]],
  ["error=DIVISION", [9, 5, 1]],
  ["error=division%20nothing", []],
  ["input=customer:Ada%20%26%20Co", [8]],
  ["input=n:6", [7]],
  ["input=n:6&input=n:7", [8, 7]],
  ["input=n:6&input=n:7&state=failed", []],
  ["label=team:red", [12, 11, 10, 8, 7]],
  ["label=team:red&input=n:6", [7]],
  ["trigger=api&workflow=orders&input=n:1", [2]],
  ["trigger=schedule", []],
  ["agent=db-1", [3, 2]],
  ["agent=nobody", []],
  ["durationMsMin=3600000", [4]],
  ["durationMsMin=3600000&durationMsMax=3700000", []],
  ["workflow=orders&durationMsMax=3600000&label=team:blue", [9, 6, 5, 3, 2, 1]],
  ["q=rder&state=failed", [9, 5, 1]],
  ["q=orders-7", [7]],
  ["workflow=orders&state=failed&sort=createdAt", [1, 5, 9]],
];

test("near ones are found by looking at them, before anything is written about them", async () => {
  for (const [query, found] of questions) expect(await names(query), query).toEqual(found.map((n) => `orders-${n}`));
  expect(await names("state=running")).toEqual(["slow-1"]);
});

test("far ones are found by their terms, those that go on by their state, and pages hold each once", async () => {
  await owner.query(
    `INSERT INTO runs (project_id, id, workflow_id, workflow_name, number, digest, state, version, event_seq, priority, inputs,
       labels, trigger, created_at, started_at, ended_at)
     SELECT w.project_id, ('ffffffff-' || lpad(to_hex(n), 4, '0') || '-7000-8000-000000000000')::uuid, w.id, w.name, n + 1,
       w.active_digest, 'succeeded', 1, 1, 3, '{}', '{}', '{"kind":"test"}', now(), now(), now()
     FROM workflows w, generate_series(0, 30000) n WHERE w.name = 'filler'`,
  );
  await owner.query("ANALYZE runs");
  await indexed(12);
  for (const [query, found] of questions) expect(await names(query), query).toEqual(found.map((n) => `orders-${n}`));
  expect(await names("state=running")).toEqual(["slow-1"]);
  expect(await names("state=running&state=failed")).toEqual(["slow-1", "orders-9", "orders-5", "orders-1"]);
  const paged: string[] = [];
  let cursor = "";
  for (let pages = 0; pages < 20; pages++) {
    const { body } = await server.call("GET", `${P}/runs?trigger=api&limit=2${cursor}`);
    paged.push(...(body["data"] as { name: string }[]).map(({ name }) => name));
    if (body["nextCursor"] === null) break;
    cursor = `&cursor=${String(body["nextCursor"])}`;
  }
  expect(paged).toEqual(["slow-1", ...started.toReversed()]);
  const { body } = await server.call("GET", `${P}/runs?label=team:red&count=1&limit=1`);
  expect(body["total"]).toBe(5);
  const between = await owner.query<{ after: string; before: string }>(
    `SELECT to_char(min(created_at) FILTER (WHERE number = 3) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USZ') AS after,
            to_char(min(created_at) FILTER (WHERE number = 6) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USZ') AS before
       FROM runs WHERE workflow_name = 'orders'`,
  );
  const { after, before } = between.rows[0] ?? { after: "", before: "" };
  expect(await names(`createdAfter=${after}&createdBefore=${before}`)).toEqual(["orders-5", "orders-4", "orders-3"]);
}, 120_000);

test("what cannot be searched for is refused with its place", async () => {
  for (const query of ["input=n", "error=%3F", "backfill=x", "durationMsMin=-1", "input="]) {
    const { status, body } = await server.call("GET", `${P}/runs?${query}`);
    expect([status, body["code"]], query).toEqual([400, expect.stringMatching(/filter_invalid|malformed/)]);
  }
});

test("a log that is read again makes nothing twice", async () => {
  const before = await owner.query("SELECT run_id, terms FROM run_search ORDER BY run_id");
  await owner.query("UPDATE search_position SET tx = '0', event_id = 0");
  await until("the log has been followed", 30_000, async () => {
    const { rows } = await owner.query<{ tx: string }>("SELECT tx FROM search_position");
    return rows[0]?.tx === "0" ? undefined : true;
  });
  expect((await owner.query("SELECT run_id, terms FROM run_search ORDER BY run_id")).rows).toEqual(before.rows);
});
