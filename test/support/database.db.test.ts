import pg from "pg";
import { expect, test } from "vitest";
import { databaseUrl } from "./database-url.ts";
import { cloneDatabase } from "./database.ts";

const database = await cloneDatabase();

test("a test file has a migrated database of its own on PostgreSQL 15 or newer", async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; version: number; migrations: number }>(
      `SELECT current_database() AS name, current_setting('server_version_num')::int AS version,
              (SELECT count(*)::int FROM schema_migrations) AS migrations`,
    );
    expect(rows[0]?.name).toMatch(/^capstan_test_[0-9a-f]{12}$/);
    expect(rows[0]?.version).toBeGreaterThanOrEqual(150000);
    expect(rows[0]?.migrations).toBeGreaterThan(0);
  } finally {
    await client.end();
  }
});

test("a URL with a socket folder keeps it when the database is changed", () => {
  expect(databaseUrl("postgres://postgres@localhost:5432/postgres?host=%2Ftmp%2Fx", "other")).toBe(
    "postgres://postgres@localhost:5432/other?host=%2Ftmp%2Fx",
  );
  expect(databaseUrl("postgresql://u:p@db.example.org", "other")).toBe("postgresql://u:p@db.example.org/other");
});
