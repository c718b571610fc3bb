import type { CanonicalTask, CanonicalWorkflow } from "@capstan/proto";
import { afterAll, beforeEach, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { commitFixture, newId } from "../testing/commit-fixture.ts";
import { emptyBatch } from "./batch.ts";
import type { GivenOffer } from "../testing/memory-sessions.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, sessions, pools, projectId } = fixture;
afterAll(() => pools.close());

const script: CanonicalTask = { action: { run: { script: "true" } }, needs: [] };
const single: CanonicalWorkflow = { version: 1, name: "single", tasks: { only: script } };

/** Slots are not given back by a finish here, so each test begins with enough. */
beforeEach(() => {
  for (const agent of sessions.agents) agent.free = 16;
});

const start = { inputs: {}, labels: {}, trigger: { kind: "test" } };

function finish(given: GivenOffer, result: object = { outcome: "succeeded" }) {
  return loop.submit(projectId, given.attempt.runId, {
    kind: "attempt_finished",
    attemptId: given.attempt.attemptId,
    epoch: given.attempt.epoch,
    by: { agentId: given.slot.agentId, session: given.slot.session },
    result: result as never,
  });
}

async function states(runId: string): Promise<{ run: string; tasks: Record<string, string> }> {
  const run = await pools.engine.query<{ state: string }>("SELECT state FROM runs WHERE project_id = $1 AND id = $2", [
    projectId,
    runId,
  ]);
  const tasks = await pools.engine.query<{ key: string; state: string }>(
    "SELECT key, state FROM task_runs WHERE project_id = $1 AND run_id = $2",
    [projectId, runId],
  );
  return {
    run: run.rows[0]?.state ?? "none",
    tasks: Object.fromEntries(tasks.rows.map((row) => [row.key, row.state])),
  };
}

function nextOffer(task: string): GivenOffer {
  const at = sessions.offers.findIndex((one) => one.attempt.task === task);
  const [given] = at < 0 ? [] : sessions.offers.splice(at, 1);
  if (given === undefined) throw new Error(`no offer of ${task}`);
  return given;
}

test("a run, its attempt and its end are rows, and the numbers of a workflow have no gap", async () => {
  const agent = await fixture.addAgent(4);
  const edition = await fixture.deploy(single);
  const outcomes = await Promise.all([1, 2, 3].map(() => loop.start({ edition, ...start })));
  const numbers = outcomes.map((one) => (one.kind === "started" ? one.number : 0));
  expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
  for (let i = 0; i < 3; i++) expect(await finish(nextOffer("only"))).toEqual({ kind: "accepted" });
  for (const one of outcomes) {
    if (one.kind !== "started") throw new Error(one.kind);
    expect(await states(one.runId)).toEqual({ run: "succeeded", tasks: { only: "succeeded" } });
    const events = await pools.engine.query(
      "SELECT first_seq, json_array_length(items) AS count FROM run_events WHERE run_id = $1 ORDER BY first_seq",
      [one.runId],
    );
    let next = 1;
    for (const row of events.rows) {
      expect(row.first_seq).toBe(next);
      next += row.count;
    }
  }
  const live = await pools.engine.query("SELECT count(*)::int AS count FROM live_attempts");
  expect(live.rows[0].count).toBe(0);
  sessions.agents.splice(sessions.agents.indexOf(agent), 1);
});

test("successors are offered in the commit that ends their last need", async () => {
  await fixture.addAgent(8);
  const edition = await fixture.deploy({
    version: 1,
    name: "diamond",
    tasks: {
      a: script,
      b: { ...script, needs: ["a"] },
      c: { ...script, needs: ["a"] },
      d: { ...script, needs: ["b", "c"] },
    },
  });
  const started = await loop.start({ edition, ...start });
  if (started.kind !== "started") throw new Error(started.kind);
  await finish(nextOffer("a"));
  await finish(nextOffer("b"));
  expect(sessions.offers.some((one) => one.attempt.task === "d")).toBe(false);
  await finish(nextOffer("c"));
  await finish(nextOffer("d"));
  expect(await states(started.runId)).toEqual({
    run: "succeeded",
    tasks: { a: "succeeded", b: "succeeded", c: "succeeded", d: "succeeded" },
  });
});

test("a report with an older epoch, of another session, or repeated changes nothing", async () => {
  const edition = await fixture.deploy({ ...single, name: "fenced" });
  const started = await loop.start({ edition, ...start });
  if (started.kind !== "started") throw new Error(started.kind);
  const given = nextOffer("only");
  const older = { ...given, attempt: { ...given.attempt, epoch: given.attempt.epoch - 1 } };
  expect((await finish(older)).kind).not.toBe("accepted");
  const otherSession = { ...given, slot: { ...given.slot, session: given.slot.session - 1 } };
  expect(await finish(otherSession)).toEqual({ kind: "lease_lost" });
  expect(await states(started.runId)).toEqual({ run: "running", tasks: { only: "dispatched" } });
  expect(await finish(given)).toEqual({ kind: "accepted" });
  expect(await finish(given, { outcome: "failed" })).toEqual({ kind: "lease_lost" });
  expect((await states(started.runId)).run).toBe("succeeded");
});

test("one idempotency key gives one run, whoever races", async () => {
  const edition = await fixture.deploy({ ...single, name: "keyed" });
  const idempotency = { caller: "tester", key: newId(), requestSha256: "a" };
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => loop.start({ edition, ...start, idempotency })));
  const ids = new Set(outcomes.map((one) => ("runId" in one ? one.runId : one.kind)));
  expect(ids.size).toBe(1);
  expect(outcomes.filter((one) => one.kind === "started")).toHaveLength(1);
  expect(await loop.start({ edition, ...start, idempotency: { ...idempotency, requestSha256: "b" } })).toEqual({
    kind: "key_reused",
  });
  await finish(nextOffer("only"));
});

test("without a free slot the work waits as a row, and is claimed from there", async () => {
  for (const agent of sessions.agents) agent.free = 0;
  const edition = await fixture.deploy({ ...single, name: "queued" });
  const started = await loop.start({ edition, ...start });
  if (started.kind !== "started") throw new Error(started.kind);
  expect(await states(started.runId)).toEqual({ run: "running", tasks: { only: "queued" } });
  const [lane] = await fixture.dispatchStore.lanesWithWork();
  if (lane === undefined) throw new Error("no lane has work");
  const waiting = await fixture.dispatchStore.reserve(lane.laneId, 10);
  expect(waiting).toHaveLength(1);
  expect(await fixture.dispatchStore.reserve(lane.laneId, 10)).toHaveLength(0);
  for (const agent of sessions.agents) agent.free = 4;
  const slot = sessions.take(lane, 300_000, []);
  if (slot === undefined) throw new Error("no slot");
  expect(await loop.submit(projectId, started.runId, { kind: "claimed", position: 0, ...slot })).toEqual({
    kind: "accepted",
  });
  const left = await pools.engine.query("SELECT count(*)::int AS count FROM task_queue");
  expect(left.rows[0].count).toBe(0);
  await finish(nextOffer("only"));
  expect((await states(started.runId)).run).toBe("succeeded");
  // What a dispatcher does when it finds the lane empty.
  fixture.backlog.remove(lane.laneId);
});

test("another replica goes on where this one stopped, from the rows alone", async () => {
  const edition = await fixture.deploy({
    version: 1,
    name: "moved",
    tasks: {
      first: { ...script, retry: { attempts: 2, delayMs: 0, jitter: 0 } },
      second: { ...script, needs: ["first"] },
    },
  });
  const started = await loop.start({ edition, ...start });
  if (started.kind !== "started") throw new Error(started.kind);
  const other = await fixture.replica();
  const given = nextOffer("first");
  const failed = { outcome: "failed", failure: { class: "error", code: "exit", message: "exit code 1", exitCode: 1 } };
  const outcome = await other.submit(projectId, started.runId, {
    kind: "attempt_finished",
    attemptId: given.attempt.attemptId,
    epoch: given.attempt.epoch,
    by: { agentId: given.slot.agentId, session: given.slot.session },
    result: failed as never,
  });
  expect(outcome).toEqual({ kind: "accepted" });
  expect((await states(started.runId)).tasks["first"]).toBe("retrying");
  const [due] = await fixture.dispatchStore.dueTimers(10);
  expect(due).toMatchObject({ runId: started.runId, kind: "retry" });
  // This replica's snapshot is older than the row now: it must look again, not overwrite.
  // Its clock may be behind that of the other by as long as its last look at the database's took to arrive: until then
  // the retry is not due for it, and it would look again soon.
  await until("the retry is due here too", 20_000, async () => {
    const { kind } = await loop.submit(projectId, started.runId, { kind: "timer", position: 0, timer: "retry" });
    return kind === "accepted" || undefined;
  });
  const again = nextOffer("first");
  expect(again.attempt.number).toBe(2);
  expect(again.attempt.epoch).toBeGreaterThan(given.attempt.epoch);
  await finish(again);
  await finish(nextOffer("second"));
  expect(await states(started.runId)).toEqual({ run: "succeeded", tasks: { first: "succeeded", second: "succeeded" } });
});

test("a cancel reaches what waits at once and what runs through its agent, and beats a late success", async () => {
  const edition = await fixture.deploy({
    version: 1,
    name: "cancelled",
    tasks: {
      running: script,
      after: { ...script, needs: ["running"] },
      tidy: { ...script, needs: ["running"], if: { $expr: "always()" } },
    },
  });
  const started = await loop.start({ edition, ...start });
  if (started.kind !== "started") throw new Error(started.kind);
  const given = nextOffer("running");
  const cancel = { kind: "cancel_run", actor: "ana", reason: "enough", force: false } as const;
  expect(await loop.submit(projectId, started.runId, cancel)).toEqual({ kind: "accepted" });
  expect(sessions.cancels).toContainEqual(
    expect.objectContaining({ attemptId: given.attempt.attemptId, reason: "cancelled" }),
  );
  expect(await states(started.runId)).toEqual({
    run: "cancelling",
    tasks: { running: "cancelling", after: "cancelled", tidy: "waiting" },
  });
  await finish(given);
  await finish(nextOffer("tidy"));
  expect(await states(started.runId)).toEqual({
    run: "cancelled",
    tasks: { running: "cancelled", after: "cancelled", tidy: "succeeded" },
  });
  expect(await loop.submit(projectId, started.runId, cancel)).toMatchObject({
    kind: "refused",
    code: "state_conflict",
  });
});

test("one row that cannot be written fails alone", async () => {
  const edition = await fixture.deploy({ ...single, name: "poison" });
  // jsonb has no NUL: the statement fails, and the batch is halved until the offender is alone.
  const bad = loop.start({ edition, ...start, inputs: { text: "\u0000" } });
  const good = Array.from({ length: 6 }, () => loop.start({ edition, ...start }));
  await expect(bad).rejects.toThrow();
  for (const one of await Promise.all(good)) expect(one.kind).toBe("started");
});

test("a report is not judged by what this replica knew before another one moved the run on", async () => {
  await fixture.addAgent(4);
  const edition = await fixture.deploy({
    version: 1,
    name: "two_replicas",
    tasks: { a: script, b: { ...script, needs: ["a"] } },
  });
  const started = await loop.start({ edition, ...start });
  if (started.kind !== "started") throw new Error(started.kind);
  const other = await fixture.replica();
  const event = (given: GivenOffer) =>
    ({
      kind: "attempt_finished",
      attemptId: given.attempt.attemptId,
      epoch: given.attempt.epoch,
      by: { agentId: given.slot.agentId, session: given.slot.session },
      result: { outcome: "succeeded" },
    }) as const;
  expect(await other.submit(projectId, started.runId, event(nextOffer("a")))).toEqual({ kind: "accepted" });
  expect(await finish(nextOffer("b"))).toEqual({ kind: "accepted" });
  expect((await states(started.runId)).run).toBe("succeeded");
});

test("an event that only another replica's commit has made possible is decided by what that one wrote", async () => {
  await fixture.addAgent(4);
  const edition = await fixture.deploy({
    version: 1,
    name: "opened_elsewhere",
    tasks: { a: script, each: { ...script, needs: ["a"], forEach: [1, 2] } },
  });
  const started = await loop.start({ edition, ...start });
  if (started.kind !== "started") throw new Error(started.kind);
  const other = await fixture.replica();
  const { attempt, slot } = nextOffer("a");
  const by = { agentId: slot.agentId, session: slot.session };
  const result = { outcome: "succeeded" } as const;
  const at = { attemptId: attempt.attemptId, epoch: attempt.epoch };
  await other.submit(projectId, started.runId, { kind: "attempt_finished", ...at, by, result });
  // Behind the plan: as far as this replica knows, the run has nothing at this position.
  const event = { kind: "skip_wait", position: 2, actor: "ana", reason: "" } as const;
  expect(await loop.submit(projectId, started.runId, event)).toMatchObject({ kind: "refused", state: "dispatched" });
});

test("two statements that write the same runs in opposite order do not deadlock, and one of them is refused", async () => {
  const edition = await fixture.deploy({ ...single, name: "contended" });
  await Promise.all(Array.from({ length: 5 }, () => loop.start({ edition, ...start })));
  const runs = await pools.engine.query<{ r: string; v: number; s: string; es: number }>(
    "SELECT id AS r, version AS v, state AS s, event_seq AS es FROM runs WHERE workflow_name = 'contended' ORDER BY id",
  );
  const write = (rows: typeof runs.rows) =>
    fixture.store.write({ ...emptyBatch(), advances: rows.map((row) => ({ p: projectId, ...row })) });
  const holder = await pools.engine.connect();
  try {
    // Somebody holds the run in the middle until both wait: then each would have what the other wants next.
    await holder.query("BEGIN");
    await holder.query("SELECT 1 FROM runs WHERE id = $1 FOR UPDATE", [runs.rows[2]?.r]);
    const both = Promise.allSettled([write(runs.rows), write(runs.rows.toReversed())]);
    await until("both statements wait", 10_000, async () => {
      const waiting = await pools.engine.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'capstan_commit'
           AND wait_event_type = 'Lock'`,
      );
      return waiting.rowCount === 2 ? true : undefined;
    });
    await holder.query("COMMIT");
    const accepted = (await both).map((one) => (one.status === "fulfilled" ? one.value.size : one.reason));
    expect(new Set(accepted)).toEqual(new Set([0, 5]));
  } finally {
    holder.release();
  }
});
