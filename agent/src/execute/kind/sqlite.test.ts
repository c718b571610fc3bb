import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeEach, expect, test } from "vitest";
import type { SqlAction } from "@capstan/proto";
import { settingsFrom } from "./config.ts";
import { createExecutors } from "./index.ts";
import { openBench, runPrepared, type BenchOptions, type Ran } from "./testing.ts";

const bench = openBench();
const path = join(bench.folder, "shop.db");
const url = `sqlite:${path}`;
const executor = createExecutors(settingsFrom({ PATH: process.env["PATH"] }))["sql"];
afterAll(() => bench.end());

beforeEach(() => {
  rmSync(path, { force: true });
  const database = new DatabaseSync(path);
  database.exec(`CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, total REAL, paid INTEGER);
    INSERT INTO orders VALUES (1, 'ada', 10.5, 1), (2, 'bob; drop table orders', 3, 0), (3, NULL, 9007199254740993, 1)`);
  database.close();
});

async function run(sql: Omit<SqlAction, "url"> & { url?: string }, more?: BenchOptions): Promise<Ran> {
  if (executor === undefined) throw new Error("no executor");
  return await runPrepared(await executor.prepare(bench.context({ action: { sql: { url, ...sql } } }, more)));
}
const stored = (ran: Ran): string => {
  const file = (ran.finished.outputs as { file?: { $file: { sha256: string } } } | undefined)?.file; // as `gives` says
  return readFileSync(join(bench.folder, "store", file?.$file.sha256 ?? ""), "utf8");
};
const ordersLeft = (): number => {
  const database = new DatabaseSync(path);
  const row = database.prepare("SELECT count(*) AS n FROM orders").get();
  database.close();
  return Number(row?.["n"]);
};

test("rows come as objects with their types, and how many they are", async () => {
  const { finished } = await run({ query: "SELECT id, customer, total, paid FROM orders WHERE id < 3 ORDER BY id" });
  expect(finished).toMatchObject({
    outcome: "succeeded",
    outputs: {
      rows: [
        { id: 1, customer: "ada", total: 10.5, paid: 1 },
        { id: 2, customer: "bob; drop table orders", total: 3, paid: 0 },
      ],
      rowCount: 2,
    },
  });
});

test("parameters are bound by name and by position, and never become text", async () => {
  const evil = "ada' OR '1'='1";
  const named = await run(
    {
      query: "SELECT id FROM orders WHERE customer = :who OR id = :id",
      params: { who: { $expr: "inputs.who" }, id: 3 },
    },
    { inputs: { inputs: { who: evil } } },
  );
  expect(named.finished.outputs).toEqual({ rows: [{ id: 3 }], rowCount: 1 });
  const listed = await run({ query: "SELECT typeof(?) AS a, typeof(?) AS b, ? AS c", params: [3, 2.5, true] });
  expect(listed.finished.outputs).toMatchObject({ rows: [{ a: "integer", b: "real", c: 1 }] });
});

test("a value is one column of one row, null where there is none", async () => {
  expect((await run({ query: "SELECT sum(paid) FROM orders", result: "value" })).finished.outputs).toEqual({
    value: 2,
    rowCount: 1,
  });
  expect((await run({ query: "SELECT id FROM orders WHERE id = 9", result: "value" })).finished.outputs).toMatchObject({
    value: null,
  });
  expect((await run({ query: "SELECT id FROM orders", result: "value" })).finished.failure).toMatchObject({
    class: "error",
    code: "sql_error",
    message: "result: value needs one row, and the statement gave more",
  });
});

test("a file holds every row, as CSV with a header or as JSON lines", async () => {
  const csv = await run({ query: "SELECT id, customer, total FROM orders ORDER BY id", result: "file" });
  expect(stored(csv)).toBe("id,customer,total\n1,ada,10.5\n2,bob; drop table orders,3\n3,,9007199254740992\n");
  const lines = await run({ query: `SELECT 1 AS a, 'x,"y"' AS b, x'00ff' AS c`, result: "file", format: "jsonl" });
  expect(stored(lines)).toBe('{"a":1,"b":"x,\\"y\\"","c":"\\\\x00ff"}\n');
  expect(stored(await run({ query: `SELECT 'x,"y"' AS b WHERE 0`, result: "file" }))).toBe("b\n");
});

test("a large result goes through to the file without a limit, and its digest is right", async () => {
  const count = 200_000;
  const ran = await run({
    query: `WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < ${count}) SELECT n FROM t`,
    result: "file",
  });
  expect(ran.finished.outputs).toMatchObject({ rowCount: count });
  const text = `n\n${Array.from({ length: count }, (_, i) => `${i + 1}\n`).join("")}`;
  expect(ran.finished.outputs).toMatchObject({
    file: {
      $file: { name: "result.csv", mediaType: "text/csv", sha256: createHash("sha256").update(text).digest("hex") },
    },
  });
});

test("more rows than maxRows, and rows that are too large, fail and change nothing", async () => {
  const many = await run({ query: "DELETE FROM orders RETURNING id", maxRows: 2 });
  expect(many.finished.failure).toMatchObject({ message: "the statement gave more than 2 rows (maxRows)" });
  const large = await run({ query: "DELETE FROM orders RETURNING hex(zeroblob(200000)) AS a" });
  expect(large.finished.failure).toMatchObject({ class: "output", code: "output_too_large" });
  expect(ordersLeft()).toBe(3);
});

test("several statements are one transaction, and the last one's result counts", async () => {
  const { finished } = await run({
    query: "CREATE TABLE a (x); INSERT INTO a VALUES (1), (2); -- both\nUPDATE a SET x = 5; -- the end",
    result: "none",
  });
  expect(finished.outputs).toEqual({ rowCount: 2 });
  const half = await run({ query: "DELETE FROM orders; SELECT a FROM nowhere" });
  expect(half.finished.failure).toMatchObject({ class: "error", code: "sql_error" });
  expect(half.finished.failure?.message).toContain("no such table: nowhere");
  expect(ordersLeft()).toBe(3);
  const mixed = await run({ query: "DELETE FROM orders WHERE id = ?; DELETE FROM orders", params: [1] });
  expect(mixed.finished.failure?.message).toContain("params go with one statement");
  expect(ordersLeft()).toBe(3);
});

test("without a transaction each statement stands for itself", async () => {
  await run({ query: "DELETE FROM orders; SELECT a FROM nowhere", transaction: false });
  expect(ordersLeft()).toBe(0);
});

test("mode=ro writes nothing and makes no file; an address that is none is refused", async () => {
  const writing = await run({ url: `${url}?mode=ro`, query: "DELETE FROM orders" });
  expect(writing.finished.failure?.message).toContain("readonly");
  const missing = join(bench.folder, "none.db");
  const { finished } = await run({ url: `sqlite:${missing}?mode=ro`, query: "SELECT 1 AS a" });
  expect([finished.outcome, existsSync(missing)]).toEqual(["failed", false]);
  await expect(run({ url: "sqlite:shop.db", query: "SELECT 1" })).rejects.toThrow(/absolute/);
});

test("two columns of one name are refused rather than lost", async () => {
  const { finished } = await run({ query: "SELECT 1 AS a, 2 AS a" });
  expect(finished.failure?.message).toBe('two columns are called "a"; name them with AS');
});

test("a query of the bundle is read from it, and one that leads out is refused", async () => {
  mkdirSync(join(bench.folder, "x"), { recursive: true });
  await expect(run({ file: "q.sql" })).rejects.toThrow(/code bundle/);
});

test("a kind of database that is not supported says so and is not tried again", async () => {
  if (executor === undefined) throw new Error("no executor");
  const prepared = await executor.prepare(
    bench.context({ action: { sql: { url: "mysql://u:geheim@db/x", query: "x" } } }),
  );
  expect(prepared).toMatchObject({
    kind: "failed",
    retryable: false,
    failure: {
      class: "error",
      code: "sql_error",
      message: "mysql: databases are not supported yet; use postgres: or sqlite:",
    },
  });
});
