import type { CanonicalHook, CanonicalTask, CanonicalWorkflow } from "@capstan/proto";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { commitFixture } from "../testing/commit-fixture.ts";
import { timerLoop } from "./timer-loop.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, pools, projectId, dispatchStore, sessions } = fixture;
afterAll(() => pools.close());

const script: CanonicalTask = { action: { run: { script: "true" } }, needs: [] };
const hook: CanonicalHook = { action: { run: { script: "true" } } };
const start = { inputs: {}, labels: {}, trigger: { kind: "test" } };

async function startOf(document: CanonicalWorkflow): Promise<string> {
  const edition = await fixture.deploy(document);
  const started = await loop.start({ edition, ...start });
  if (started.kind !== "started") throw new Error(started.kind);
  return started.runId;
}

const timersOf = async (runId: string): Promise<readonly string[]> => {
  const { rows } = await pools.engine.query<{ at: string }>(
    "SELECT position || ' ' || kind AS at FROM timers WHERE run_id = $1 ORDER BY position, kind",
    [runId],
  );
  return rows.map((row) => row.at);
};
const makeDue = (runId: string, kind: string) =>
  pools.engine.query(
    "UPDATE timers SET due_at = clock_timestamp() - interval '1 second' WHERE run_id = $1 AND kind = $2",
    [runId, kind],
  );
const rowOf = async (table: "runs" | "task_runs", runId: string, column: string): Promise<unknown> => {
  const key = table === "runs" ? "id" : "run_id";
  const { rows } = await pools.engine.query(`SELECT ${column} AS value FROM ${table} WHERE ${key} = $1 LIMIT 1`, [
    runId,
  ]);
  return rows[0]?.value;
};

/** One round of the loop that a server runs. */
async function fireDue(commit: typeof loop): Promise<void> {
  const timers = timerLoop({ store: dispatchStore, commit, signals: fixture.signals, log: pino({ level: "silent" }) });
  timers.start();
  await timers.stop();
}

test("marks and times are rows: another replica passes them, and what it wrote is read again", async () => {
  const task: CanonicalTask = { ...script, timeoutTotalMs: 3_600_000, queueTimeoutMs: 1_800_000 };
  const runId = await startOf({ version: 1, name: "late", tasks: { a: task }, sla: { startWithinMs: 60_000 } });
  expect(await timersOf(runId)).toEqual(["-1 late_start", "0 queue_timeout", "0 timeout_total"]);
  await makeDue(runId, "late_start");
  const replica = await fixture.replica();
  await fireDue(replica);
  expect(await rowOf("runs", runId, "late")).toEqual(["startWithin"]);
  expect(await timersOf(runId)).toEqual(["0 queue_timeout", "0 timeout_total"]);

  // A replica that reads the run anew knows when its times are up: a pause moves them.
  const before = await rowOf("task_runs", runId, "counters");
  const other = await fixture.replica();
  await other.submit(projectId, runId, { kind: "pause_run", actor: "ana", reason: "" });
  await other.submit(projectId, runId, { kind: "resume_run", actor: "ana" });
  expect(before).toMatchObject({ times: { totalMs: expect.any(Number) } });
  expect(await timersOf(runId)).toEqual(["0 queue_timeout", "0 timeout_total"]);
  await makeDue(runId, "queue_timeout");
  await fireDue(await fixture.replica());
  expect(await rowOf("runs", runId, "state")).toBe("failed");
  expect(await rowOf("task_runs", runId, "failure")).toMatchObject({ code: "queue_timeout" });
  expect(await timersOf(runId)).toEqual([]);
});

test("a hook that finds no agent waits in the queue for a day at most; once claimed it has its own time", async () => {
  const runId = await startOf({ version: 1, name: "told", tasks: { a: script }, hooks: { onStart: [hook] } });
  expect(await timersOf(runId)).toEqual(["1 queue_timeout"]);
  const agent = await fixture.addAgent(1);
  const slot = { agentId: agent.agentId, session: agent.session, seq: 1 };
  expect(await loop.submit(projectId, runId, { kind: "claimed", position: 1, ...slot })).toEqual({ kind: "accepted" });
  expect(await timersOf(runId)).toEqual([]);
  sessions.agents.splice(0);
});

test("onRecovery asks how the last run before ended, of the same workflow and among those that have", async () => {
  const edition = await fixture.deploy({
    version: 1,
    name: "recovers",
    tasks: { a: script },
    hooks: { onRecovery: [hook] },
  });
  const mark = (runId: string, state: "succeeded" | "failed") =>
    loop.submit(projectId, runId, { kind: "mark_task", position: 0, mark: { state, actor: "ana", reason: "" } });
  const hooksAfter = async (ends: "succeeded" | "failed"): Promise<number> => {
    const started = await loop.start({ edition, ...start });
    if (started.kind !== "started") throw new Error(started.kind);
    await mark(started.runId, ends);
    await fireDue(loop);
    const { rows } = await pools.engine.query<{ count: number }>(
      "SELECT count(*)::int AS count FROM task_runs WHERE run_id = $1 AND position = 1",
      [started.runId],
    );
    expect(await timersOf(started.runId)).toEqual(rows[0]?.count === 1 ? ["1 queue_timeout"] : []);
    return rows[0]?.count ?? -1;
  };
  expect(await hooksAfter("succeeded")).toBe(0);
  expect(await hooksAfter("failed")).toBe(0);
  await loop.start({ edition, ...start }); // goes on: not asked
  expect(await hooksAfter("succeeded")).toBe(1);
  expect(await hooksAfter("succeeded")).toBe(0);
});
