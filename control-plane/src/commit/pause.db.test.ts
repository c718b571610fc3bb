import type { CanonicalTask, CanonicalWorkflow } from "@capstan/proto";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { commitFixture } from "../testing/commit-fixture.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, pools, projectId, dispatchStore } = fixture;
afterAll(() => pools.close());

const script: CanonicalTask = { action: { run: { script: "true" } }, needs: [] };
const two: CanonicalWorkflow = { version: 1, name: "two", tasks: { a: script, b: script } };

async function queuedRows(runId: string): Promise<number> {
  const { rows } = await pools.engine.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM task_queue WHERE run_id = $1",
    [runId],
  );
  return rows[0]?.count ?? -1;
}

async function deadline(runId: string): Promise<number> {
  const { rows } = await pools.engine.query<{ at: number }>(
    "SELECT extract(epoch FROM deadline_at)::float8 * 1000 AS at FROM runs WHERE id = $1",
    [runId],
  );
  return rows[0]?.at ?? 0;
}

test("a pause takes waiting work out of the queue, another replica sees it, and resuming puts it back", async () => {
  const edition = await fixture.deploy(two);
  const started = await loop.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" } });
  if (started.kind !== "started") throw new Error(started.kind);
  const { runId } = started;
  expect(await queuedRows(runId)).toBe(2);
  const before = await deadline(runId);
  expect(await loop.submit(projectId, runId, { kind: "pause_run", actor: "user:ana", reason: "" })).toEqual({
    kind: "accepted",
  });
  expect(await queuedRows(runId)).toBe(0);

  const replica = await fixture.replica();
  const claim = { kind: "claimed", position: 0, agentId: projectId, session: 1, seq: 1 } as const;
  expect(await replica.submit(projectId, runId, claim)).toEqual({ kind: "duplicate" });
  expect(await replica.submit(projectId, runId, { kind: "pause_run", actor: "user:bob", reason: "" })).toEqual({
    kind: "duplicate",
  });
  // The deadline of a paused run is nobody's business, however long ago it was.
  await pools.engine.query("UPDATE runs SET deadline_at = clock_timestamp() - interval '1 hour' WHERE id = $1", [
    runId,
  ]);
  expect(await dispatchStore.overdueRuns(10)).toEqual([]);

  expect(await replica.submit(projectId, runId, { kind: "resume_run", actor: "user:ana" })).toEqual({
    kind: "accepted",
  });
  expect(await queuedRows(runId)).toBe(2);
  expect(await deadline(runId)).toBeGreaterThan(before);
});
