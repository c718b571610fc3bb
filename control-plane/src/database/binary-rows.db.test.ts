import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import type { Columns } from "../commit/batch-columns.ts";
import { BinaryRows } from "./binary-rows.ts";

const columns = {
  b: "bool",
  i2: "int2",
  i4: "int4",
  i8: "int8",
  f8: "float8",
  u: "uuid",
  t: "text",
  j: "json",
  jb: "jsonb",
  at: "timestamptz",
} as const satisfies Columns;

const database = await cloneDatabase();
const client = new pg.Client({ connectionString: database.url });
const binary = new BinaryRows(columns);
let rowType = 0;

beforeAll(async () => {
  await client.connect();
  const fields = Object.entries(columns).map(([name, type]) => `${name} ${type}`);
  await client.query(`CREATE TYPE pg_temp.every AS (${fields.join(", ")})`);
  const found = await client.query<{ oid: number }>("SELECT 'pg_temp.every'::regtype::oid::int AS oid");
  rowType = found.rows[0]?.oid ?? 0;
});
afterAll(() => client.end());

async function read(rows: readonly object[]): Promise<string[]> {
  const result = await client.query<{ row: string }>({
    name: "binary",
    text: "SELECT t::text AS row FROM unnest($1::pg_temp.every[]) t",
    values: [binary.encode(rows, rowType)],
  });
  return result.rows.map(({ row }) => row);
}

/** The same rows as PostgreSQL reads them from JSON, where a time is a text. */
async function readJson(rows: readonly { readonly at?: number | undefined }[]): Promise<string[]> {
  const values = rows.map((row) => ({ ...row, at: row.at === undefined ? undefined : new Date(row.at).toISOString() }));
  const result = await client.query<{ row: string }>({
    name: "json",
    text: "SELECT t::text AS row FROM json_populate_recordset(NULL::pg_temp.every, $1::json) t",
    values: [JSON.stringify(values)],
  });
  return result.rows.map(({ row }) => row);
}

const text = fc.string({ unit: "grapheme", maxLength: 60 }).filter((value) => !value.includes("\0"));
const json = fc.jsonValue({ stringUnit: "grapheme" }).filter((value) => !JSON.stringify(value).includes("\\u0000"));
const maybe = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(values, { nil: undefined });
const row = fc.record(
  {
    b: maybe(fc.boolean()),
    i2: maybe(fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 })),
    i4: maybe(fc.integer()),
    i8: maybe(fc.maxSafeInteger()),
    // JSON has no infinities and loses the sign of zero.
    f8: maybe(fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value))),
    u: maybe(fc.uuid()),
    t: maybe(text),
    j: maybe(fc.oneof(fc.object({ key: text, values: [text, fc.integer()] }), fc.array(json))),
    jb: maybe(json.filter((value) => value !== null)),
    at: maybe(fc.integer({ min: Date.UTC(1, 0), max: Date.UTC(9000, 0) })),
  },
  { requiredKeys: [] },
);

test("PostgreSQL reads from binary rows what it reads from the same rows in JSON", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
      expect(await read(rows)).toEqual(await readJson(rows));
    }),
    { numRuns: 150 },
  );
});

test("rows larger than the encoder's first buffer arrive whole, and it serves small ones again", async () => {
  const long = "ä".repeat(3_000_000);
  const found = await client.query<{ sum: string }>("SELECT sum(length(t)) FROM unnest($1::pg_temp.every[])", [
    binary.encode([{ t: long }, { t: "b" }, { t: long }], rowType),
  ]);
  expect(found.rows[0]?.sum).toBe("6000001");
  expect(await read([{ i4: 7 }])).toEqual(await readJson([{ i4: 7 } as object]));
});

test.each([
  ["a small integer too large", { i2: 32_768 }],
  ["an integer too large", { i4: 2 ** 31 }],
  ["an integer that a double cannot hold", { i8: 2 ** 53 }],
  ["a fraction where a whole number belongs", { i4: 1.5 }],
  ["a time that is no number", { at: Number.NaN }],
  ["a UUID with a wrong digit", { u: "0000000g-0000-4000-8000-000000000000" }],
  ["a UUID with a letter beyond Latin", { u: "0000000\u0130-0000-4000-8000-000000000000" }],
  ["a UUID that is too short", { u: "00000000" }],
  ["half a surrogate pair", { t: "\ud800" }],
  ["half a surrogate pair in a long text", { t: "a".repeat(100) + "\ud800" }],
  ["a number where text belongs", { t: 1 }],
])("%s is refused and not bent", (_, wrong) => {
  expect(() => binary.encode([{}, wrong], rowType)).toThrow(/./);
});

test.each([
  ["text", { t: "a\0b" }],
  ["jsonb", { jb: { a: "\0" } }],
])("a zero character in %s is refused by the server", async (_, wrong) => {
  await expect(read([wrong])).rejects.toThrow(/0x00|Unicode escape/);
  expect(await read([{ i4: 1 }])).toHaveLength(1);
});
