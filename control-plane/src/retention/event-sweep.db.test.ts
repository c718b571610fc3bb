import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { PgSweepStore } from "../database/store/sweep-store.ts";
import { commitFixture } from "../testing/commit-fixture.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, pools, projectId } = fixture;
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
afterAll(async () => {
  await owner.end();
  await pools.close();
});
const store = new PgSweepStore(pools.engine);

const event = (type: string, age: string, isTold = true): Promise<unknown> =>
  owner.query(
    `INSERT INTO project_events (project_id, id, type, actor, body, received_at, told_at)
     VALUES ($1, $2, $3, 't', '{}', clock_timestamp() - $4::interval, CASE WHEN $5 THEN clock_timestamp() END)`,
    [projectId, randomUUID(), type, age, isTold],
  );
const kept = async (): Promise<string[]> => {
  const { rows } = await owner.query<{ type: string }>("SELECT type FROM project_events ORDER BY type");
  return rows.map((row) => row.type);
};

test("an event goes after 30 days, if it was told and no run that goes on was there when it came", async () => {
  const edition = await fixture.deploy({
    version: 1,
    name: "waits",
    tasks: { a: { action: { wait: { forMs: 1_000_000 } }, needs: [] } },
  });
  const started = await loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
  if (started.kind !== "started") throw new Error(started.kind);
  await owner.query("UPDATE runs SET created_at = clock_timestamp() - interval '35 days'");
  await event("fresh", "29 days");
  await event("of a run", "34 days");
  await event("old", "36 days");
  await event("untold", "36 days", false);
  expect(await store.sweepEvents(10)).toBe(1);
  expect(await kept()).toEqual(["fresh", "of a run", "untold"]);
  const cancel = { kind: "cancel_run", actor: "t", reason: "", force: true } as const;
  await loop.submit(projectId, started.runId, cancel);
  expect(await store.sweepEvents(10)).toBe(1);
  expect(await kept()).toEqual(["fresh", "untold"]);
});
