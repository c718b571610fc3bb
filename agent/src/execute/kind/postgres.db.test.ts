import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SqlAction } from "@capstan/proto";
import { cloneDatabase, type TestDatabase } from "../../../../test/support/database.ts";
import { settingsFrom } from "./config.ts";
import { createExecutors } from "./index.ts";
import { openBench, runPrepared, type BenchOptions, type Ran } from "./testing.ts";

const bench = openBench();
let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await cloneDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query("CREATE SCHEMA shop; CREATE TABLE shop.orders (id int, customer text)");
  await client.query("INSERT INTO shop.orders VALUES (1, 'ada'), (2, 'bob')");
});
afterAll(async () => {
  await client.end();
  bench.end();
});

const executorWith = (url: string) =>
  createExecutors(settingsFrom({ PATH: process.env["PATH"], CAPSTAN_SECRET_DB: url }))["sql"];

async function run(sql: Omit<SqlAction, "url">, more?: BenchOptions, url = database.url): Promise<Ran> {
  const executor = executorWith(url);
  if (executor === undefined) throw new Error("no executor");
  const options = { ...more, secrets: { DB: "env:CAPSTAN_SECRET_DB" } };
  const action = { sql: { url: { $expr: "secrets.DB" }, ...sql } };
  return await runPrepared(await executor.prepare(bench.context({ action }, options)));
}

test("rows come with the types that JSON has, and exact text for the rest", async () => {
  const { finished } = await run({
    query: `SELECT 1::int4 AS i, 2::int8 AS l, 9007199254740993::int8 AS big, 1.10::numeric AS n, 1.5::float8 AS f,
      'NaN'::float8 AS nan, true AS b, NULL::text AS none, '{"a":[1]}'::jsonb AS j, ARRAY[1,NULL,3] AS ints, ARRAY['a,b','c'] AS texts,
      '2026-01-02'::date AS d, '2026-01-02 03:04:05.678901'::timestamp AS t,
      '2026-01-02 03:04:05+00'::timestamptz AT TIME ZONE 'UTC' AS z, '\\x00ff'::bytea AS bytes`,
  });
  expect(finished.failure).toBeUndefined();
  expect(finished.outputs).toEqual({
    rowCount: 1,
    rows: [
      {
        i: 1,
        l: 2,
        big: "9007199254740993",
        n: "1.10",
        f: 1.5,
        nan: "NaN",
        b: true,
        none: null,
        j: { a: [1] },
        ints: [1, null, 3],
        texts: ["a,b", "c"],
        d: "2026-01-02",
        t: "2026-01-02T03:04:05.678901",
        z: "2026-01-02T03:04:05",
        bytes: "\\x00ff",
      },
    ],
  });
});

test("parameters are bound by name and by position, lists as arrays", async () => {
  const named = await run({
    query: "SELECT id::text FROM shop.orders WHERE customer = :who OR id = ANY(:ids)",
    params: { who: "x' OR '1'='1", ids: [2, 7] },
  });
  expect(named.finished.outputs).toEqual({ rows: [{ id: "2" }], rowCount: 1 });
  const listed = await run({ query: "SELECT id FROM shop.orders WHERE customer = $1", params: ["ada"] });
  expect(listed.finished.outputs).toEqual({ rows: [{ id: 1 }], rowCount: 1 });
});

test("a hundred thousand rows go to a file, with and without parameters", async () => {
  for (const params of [undefined, { last: 100_000 }]) {
    const query = `SELECT n, n * 2 AS twice FROM generate_series(1, ${params === undefined ? "100000" : ":last"}) n`;
    const { finished } = await run({ query, result: "file", ...(params === undefined ? {} : { params }) });
    expect(finished.outputs).toMatchObject({ rowCount: 100_000 });
    const { file } = finished.outputs as { file: { $file: { sha256: string } } }; // as `gives` says
    const lines = readFileSync(join(bench.folder, "store", file.$file.sha256), "utf8").split("\n");
    expect([lines.length, lines[0], lines[100_000]]).toEqual([100_002, "n,twice", "100000,200000"]);
  }
});

test("a result that cannot be told rolls back what the statement did", async () => {
  const { finished } = await run({ query: "DELETE FROM shop.orders RETURNING id", maxRows: 1 });
  expect(finished.failure?.message).toBe("the statement gave more than 1 rows (maxRows)");
  const bound = await run({ query: "DELETE FROM shop.orders WHERE id > $1 RETURNING id", params: [0], maxRows: 1 });
  expect(bound.finished.failure?.message).toBe("the statement gave more than 1 rows (maxRows)");
  expect((await client.query("SELECT 1 FROM shop.orders")).rowCount).toBe(2);
});

test("several statements are one transaction, and the last one's result counts", async () => {
  const { finished } = await run({ query: "SELECT 1 AS a, 2 AS b; UPDATE shop.orders SET id = id; SELECT 7 AS c" });
  expect(finished.outputs).toEqual({ rows: [{ c: 7 }], rowCount: 1 });
  await run({ query: "DELETE FROM shop.orders; SELECT 1 / 0" });
  expect((await client.query("SELECT 1 FROM shop.orders")).rowCount).toBe(2);
});

test("an error has the server's words, code and place, and nothing of the address", async () => {
  const { finished, output } = await run({ query: "SELECT id,\n  nothing\nFROM shop.orders" });
  expect(finished).toMatchObject({
    outcome: "failed",
    failure: {
      class: "error",
      code: "sql_error",
      message: 'column "nothing" does not exist at line 2, column 3 of the query (SQLSTATE 42703)',
    },
  });
  const { password } = new URL(database.url.replace(/^postgres(ql)?:/, "http:"));
  expect(bench.masked).toContain(database.url);
  expect(output).not.toContain(password || "@");
});

test("a server that is not there, and a wrong password, fail with a reason and without the address", async () => {
  const gone = await run({ query: "SELECT 1" }, {}, "postgres://u:geheim@127.0.0.1:1/shop");
  expect(gone.finished.failure).toMatchObject({ code: "sql_error", message: "the database refused the connection" });
  expect(bench.masked).toContain("geheim");
  await expect(run({ query: "SELECT 1" }, {}, "postgres:///shop")).rejects.toThrow(/names no host/);
  const nobody = database.url.replace(/\/\/[^@/]*@?/, "//capstan_nobody:geheim@");
  const refused = await run({ query: "SELECT 1" }, {}, nobody);
  expect(refused.finished.outcome).toBe("failed");
  expect(refused.finished.failure?.message).not.toContain("geheim");
});

test("an abort ends the statement on the server, and nothing of it stays", async () => {
  const executor = executorWith(database.url);
  if (executor === undefined) throw new Error("no executor");
  const query = "INSERT INTO shop.orders SELECT 3, 'slow' FROM pg_sleep(60)";
  const prepared = await executor.prepare(
    bench.context(
      { action: { sql: { url: { $expr: "secrets.DB" }, query } } },
      { secrets: { DB: "env:CAPSTAN_SECRET_DB" } },
    ),
  );
  if (prepared.kind !== "inProcess") throw new Error("not prepared");
  const controller = new AbortController();
  const running = prepared.run(controller.signal, () => undefined);
  const active = async (): Promise<number> => {
    const found = await client.query("SELECT 1 FROM pg_stat_activity WHERE query = $1 AND state = 'active'", [query]);
    return found.rowCount ?? 0;
  };
  await expect.poll(active, { timeout: 10_000 }).toBe(1);
  controller.abort();
  await expect(running).rejects.toThrow(/abort/i);
  await expect.poll(active, { timeout: 10_000 }).toBe(0);
  expect((await client.query("SELECT 1 FROM shop.orders WHERE id = 3")).rowCount).toBe(0);
});
