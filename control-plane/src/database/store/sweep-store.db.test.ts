import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { afterAll, expect, test, vi } from "vitest";
import { cloneDatabase } from "../../../../test/support/database.ts";
import { sweepLoop } from "../../retention/sweep-loop.ts";
import { createPools } from "../pool.ts";
import { PgSweepStore } from "./sweep-store.ts";

const database = await cloneDatabase();
const pools = createPools(database);
afterAll(() => pools.close());
const store = new PgSweepStore(pools.engine);
const project = randomUUID();

const addKeys = (count: number, age: string): Promise<unknown> =>
  pools.engine.query(
    `INSERT INTO idempotency_keys (project_id, caller, key, request_sha256, created_at)
     SELECT $1, 'u', $2 || ' ' || n, 'x', clock_timestamp() - $2::interval FROM generate_series(1, $3) n`,
    [project, age, count],
  );
const keys = async (): Promise<string[]> =>
  (
    await pools.engine.query<{ age: string }>(
      "SELECT DISTINCT split_part(key, ' hours', 1) AS age FROM idempotency_keys ORDER BY 1",
    )
  ).rows.map((row) => row.age);

test("a key is kept for 24 hours and no row of it longer than the next round", async () => {
  await addKeys(3, "23.9 hours");
  await addKeys(30, "24.1 hours");
  await pools.engine.query(
    `INSERT INTO agent_nonces_used (project_id, jti, agent_id, expires_at)
     SELECT $1, 'j' || n, $2, clock_timestamp() + n * interval '1 minute' FROM generate_series(-4, 5) n`,
    [project, randomUUID()],
  );
  expect(await keys()).toEqual(["23.9", "24.1"]);
  expect(await store.sweep(10)).toEqual({ keys: 10, proofs: 5 });
  const [one, two] = await Promise.all([store.sweep(10), store.sweep(10)]);
  expect(one.keys + two.keys).toBe(20);
  expect(await store.sweep(10)).toEqual({ keys: 0, proofs: 0 });
  expect(await keys()).toEqual(["23.9"]);
});

test("the loop goes on until nothing old is left", async () => {
  await addKeys(12_000, "25 hours");
  const loop = sweepLoop(store, pino({ level: "silent" }));
  loop.start();
  try {
    await vi.waitFor(async () => expect(await keys()).toEqual(["23.9"]), { timeout: 10_000 });
    expect(loop.status().errors).toBe(0);
  } finally {
    await loop.stop();
  }
});
