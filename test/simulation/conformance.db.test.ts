// The simulator is worth what its database is worth. The product's own commit loop works on both at once, PostgreSQL by its
// SQL files and the simulated one, two replicas beside each other with agents that may have been replaced: everything that
// the two answer, and every row that they keep, must be the same.
import { AppError, type CanonicalTask, type CanonicalWorkflow, type JsonObject } from "@capstan/proto";
import fc from "fast-check";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { emptyBatch } from "../../control-plane/src/commit/batch.ts";
import { CommitLoop } from "../../control-plane/src/commit/commit-loop.ts";
import type { CommitLoopParts } from "../../control-plane/src/commit/commit-parts.ts";
import { CommitSignals } from "../../control-plane/src/commit/commit-signals.ts";
import { LiveIndex } from "../../control-plane/src/commit/live-index.ts";
import { isUnavailable } from "../../control-plane/src/database/pool.ts";
import { PgCacheStore } from "../../control-plane/src/database/store/cache-store.ts";
import { Backlog } from "../../control-plane/src/dispatch/backlog.ts";
import { DatabaseClock } from "../../control-plane/src/dispatch/database-clock.ts";
import { commitFixture, newId } from "../../control-plane/src/testing/commit-fixture.ts";
import { cloneDatabase } from "../support/database.ts";
import { realTables, simulatedTables } from "./table-rows.ts";
import { SimDatabase } from "./sim-database.ts";
import { TwinStore } from "./twin-store.ts";
import { World } from "./world.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { pools, projectId, sessions, dispatchStore } = fixture;
const simulated = new SimDatabase(new World(1), { rate: 1, marginMs: () => 15_000 });
const wrong: string[] = [];
const twin = new TwinStore(fixture.store, simulated, (what, real, other) => {
  const found = differences(real, other);
  if (found.length > 0) wrong.push(`${what}: ${found.slice(0, 5).join("; ")}`);
});
const cache = new PgCacheStore(pools.engine, pools.api);
const loops = await Promise.all([makeLoop(), makeLoop()]);
afterAll(async () => {
  for (const loop of loops) await loop.drained();
  await pools.close();
});

async function makeLoop(): Promise<CommitLoop> {
  const nothing = (): void => undefined;
  // What the loop calls of it.
  const log = { info: nothing, warn: nothing, error: nothing } as unknown as CommitLoopParts["log"];
  const clock = new DatabaseClock(await dispatchStore.tick());
  const [live, signals, backlog] = [new LiveIndex(), new CommitSignals(), new Backlog()];
  return new CommitLoop(
    { store: twin, sessions, backlog, clock, live, signals, log },
    { publicUrl: () => "http://127.0.0.1:7420", newId, isUnavailable },
  );
}

const byText = (a: unknown, b: unknown): number => (String(a) < String(b) ? -1 : 1);

/** Where two values differ; times by less than 2 ms do not. */
function differences(a: unknown, b: unknown, path = ""): string[] {
  if (a === b || (a ?? undefined) === (b ?? undefined)) return [];
  if (typeof a === "number" && typeof b === "number" && a > 1e12 && Math.abs(a - b) < 2) return [];
  const [left, right] = [a, b].map((one) => (one instanceof Map || one instanceof Set ? [...one].sort(byText) : one));
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null)
    return [`${path} is ${JSON.stringify(left)}, simulated ${JSON.stringify(right)}`];
  const fields = (one: object): Record<string, unknown> => one as Record<string, unknown>; // read by name only
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].flatMap((name) => differences(fields(left)[name], fields(right)[name], `${path}/${name}`));
}

const script = (more: Partial<CanonicalTask> = {}): CanonicalTask => ({
  action: { run: { script: "true" } },
  needs: [],
  leaseMs: 30_000,
  retry: { attempts: 2, delayMs: 1 },
  ...more,
});
const n = { n: { type: "integer" } } as const;
const documents: readonly Omit<CanonicalWorkflow, "version" | "name">[] = [
  {
    tasks: { a: script({ outputs: n }), b: script({ needs: ["a"], timeoutMs: 60_000 }), c: script({ needs: ["a"] }) },
    hooks: { onEnd: [{ action: { run: { script: "true" } } }] },
  },
  { tasks: { a: script({ forEach: [1, 2, 3], maxParallel: 2 }), b: script({ needs: ["a"] }) } },
  {
    tasks: {
      a: script({ limits: [{ name: "small", weight: 1 }] }),
      b: script({ concurrency: { key: "one", limit: 1 } }),
    },
  },
  { tasks: { a: script() }, concurrency: { limit: 1, onLimit: "replaceQueued", maxQueued: 2 } },
  { tasks: { a: script() }, concurrency: { limit: 2, onLimit: "cancelRunning", maxQueued: 2 } },
  { tasks: { a: script({ outputs: n, cache: { key: "k", ttlMs: 60_000 } }) }, sla: { maxDurationMs: 5 } },
  {
    tasks: {
      w: { action: { wait: { forMs: 2 } }, needs: [] },
      e: { action: { wait: { event: { type: "t", timeoutMs: 20, onTimeout: "continue" } } }, needs: ["w"] },
      p: {
        action: { approval: { title: "?", from: ["role:operator"], need: 1, timeoutMs: 50, onTimeout: "approve" } },
        needs: [],
      },
    },
  },
  { tasks: { a: script({ retry: { attempts: 2, delayMs: 1, onExhausted: "pause" } }) }, timeoutMs: 3_600_000 },
];
const editions = await Promise.all(
  documents.map((part, at) => fixture.deploy({ ...part, version: 1, name: `w${at}` })),
);
simulated.limits.set("small", { capacity: 2, perMs: undefined });
const owner = new pg.Client({ connectionString: database.url });
await owner.connect();
await owner.query("INSERT INTO limits (project_id, name, capacity) VALUES ($1, 'small', 2)", [projectId]);
await owner.end();

async function addAgent(): Promise<void> {
  const { agentId, session } = await fixture.addAgent(3);
  const row = { agentId, session, connectNo: 1, renewedMs: 0, bootId: "boot", state: "live" };
  simulated.sessions.set(agentId, row);
}
await addAgent();
await addAgent();

/** One thing that happens, chosen by two numbers; nothing where it cannot happen now. */
const acts: readonly ((loop: CommitLoop, by: number) => Promise<unknown>)[] = [
  (loop, by) => start(loop, by),
  (loop, by) => start(loop, by),
  (loop, by) => finish(loop, by, { outcome: "succeeded", outputs: { n: by } }),
  (loop, by) => finish(loop, by, { outcome: "succeeded", outputs: { n: by } }),
  (loop, by) =>
    finish(loop, by, { outcome: "failed", failure: { class: "error", code: "exit", message: "exit code 1" } }),
  (loop, by) => finish(loop, by, { outcome: "succeeded", outputs: { n: by } }, 1),
  begin,
  (loop, by) => onRun(loop, by, { kind: "cancel_run", actor: "a", reason: "", force: by % 2 === 0 }),
  (loop, by) => onRun(loop, by, { kind: "pause_run", actor: "a", reason: "" }),
  (loop, by) => onRun(loop, by, { kind: "resume_run", actor: "a" }),
  claim,
  claim,
  fireTimers,
  fireTimers,
  admit,
  replaceSession,
];

type Event = Parameters<CommitLoop["submit"]>[2];
const runIds: string[] = [];

const again = { kind: "rerun", name: "before", actor: "a", attempt: 1 } as const;
const nothingUsed = { reused: new Map(), marks: new Map() };

async function start(loop: CommitLoop, by: number): Promise<void> {
  const edition = editions[by % editions.length];
  if (edition === undefined) return;
  const earlier = runIds.at(-1);
  const key = by % 3 === 0 ? undefined : `key ${by % 40} of ${edition.document.name}`;
  const started = await loop.start({
    edition,
    inputs: {},
    labels: { by: String(by) },
    trigger: { kind: "test" },
    ...(by % 4 === 1 ? { dedupeKey: `dedupe-${by % 3}` } : {}),
    ...(key === undefined ? {} : { idempotency: { caller: "c", key, requestSha256: "s" } }),
    ...(by % 5 === 0 && earlier !== undefined
      ? { again: { ...nothingUsed, origin: { ...again, runId: earlier } } }
      : {}),
    // A row that nobody wrote.
    ...(by % 17 === 0 ? { claim: { runId: newId(), position: -1, kind: "schedule_start" as const } } : {}),
  });
  if (started.kind === "started") runIds.push(started.runId);
}

async function finish(loop: CommitLoop, by: number, result: object, older = 0): Promise<void> {
  const [given] = sessions.offers.splice(by % Math.max(1, sessions.offers.length), older > 0 ? 0 : 1);
  const { attempt, slot } = given ?? sessions.offers[0] ?? {};
  if (attempt === undefined || slot === undefined) return;
  await loop.submit(projectId, attempt.runId, {
    kind: "attempt_finished",
    attemptId: attempt.attemptId,
    epoch: attempt.epoch - older,
    by: { agentId: slot.agentId, session: slot.session },
    result: result as never, // as an agent would say it
  });
  if (older === 0) sessions.release(slot.agentId);
}

async function begin(loop: CommitLoop, by: number): Promise<void> {
  const given = sessions.offers[by % Math.max(1, sessions.offers.length)];
  if (given === undefined) return;
  const { attempt, slot } = given;
  const reporter = { agentId: slot.agentId, session: slot.session };
  const { attemptId, epoch } = attempt;
  await loop.submit(projectId, attempt.runId, {
    kind: "attempt_started",
    attemptId,
    epoch,
    by: reporter,
    atMs: Date.now(),
  });
}

async function onRun(loop: CommitLoop, by: number, event: Event): Promise<void> {
  const runId = runIds[runIds.length - 1 - (by % Math.max(1, Math.min(6, runIds.length)))];
  if (runId !== undefined) await loop.submit(projectId, runId, event);
}

/** Reservations end by the clock: at such a moment the two may differ by the time that a statement takes. */
const isNearExpiry = (): boolean =>
  [...simulated.queue.values()].some(({ takenUntilMs = 0 }) => Math.abs(takenUntilMs - simulated.nowMs()) < 1_000);

async function claim(loop: CommitLoop, by: number): Promise<void> {
  twin.setClock();
  if (isNearExpiry()) return;
  const lanes = await twin.alone(async () => {
    const found = await dispatchStore.lanesWithWork();
    compare(
      "lanes",
      found.map(({ laneId }) => laneId).sort(),
      simulated
        .lanesWithWork()
        .map(({ laneId }) => laneId)
        .sort(),
    );
    const ids = found.map(({ laneId }) => laneId);
    compare("heads", await dispatchStore.laneHeads(ids), simulated.laneHeads(ids));
    return found;
  });
  const lane = lanes[by % Math.max(1, lanes.length)];
  if (lane === undefined) return;
  const taken = await twin.alone(async () => {
    const real = await dispatchStore.reserve(lane.laneId, 2);
    const other = simulated.reserve(lane.laneId, 2, Number.MAX_SAFE_INTEGER, () => false);
    const named = (rows: typeof real): string[] => rows.map(({ runId, position }) => `${runId} ${position}`).sort();
    compare("reserved", named(real), named(other));
    return real;
  });
  for (const [at, task] of taken.entries()) {
    const slot = at === 0 || by % 3 > 0 ? sessions.take(lane, task.leaseMs, task.avoid) : undefined;
    if (slot === undefined) {
      await twin.alone(async () => {
        await dispatchStore.release([task]);
        simulated.release([task]);
      });
      continue;
    }
    const outcome = await loop.submit(projectId, task.runId, { kind: "claimed", position: task.position, ...slot });
    if (outcome.kind !== "accepted") sessions.giveBack(slot);
  }
}

async function fireTimers(loop: CommitLoop): Promise<void> {
  const due = await twin.alone(async () => {
    const found = await dispatchStore.dueTimers(100);
    // Nothing that PostgreSQL finds is unknown to the other, or not due there.
    twin.setClock();
    for (const { runId, position, kind } of found) {
      const timer = simulated.timers.get(`${runId} ${position} ${kind}`);
      if (timer === undefined || timer.dueMs > simulated.nowMs() + 1) wrong.push(`timer ${runId} ${position} ${kind}`);
    }
    return found;
  });
  for (const timer of due) {
    const { runId, position, kind } = timer;
    const body = kind === "cache" ? await askCache(timer) : timer.body;
    await loop.submit(projectId, runId, {
      kind: "timer",
      position,
      timer: kind,
      ...(body === undefined ? {} : { body }),
    });
  }
}

function askCache({ runId, position, body }: { runId: string; position: number; body?: JsonObject | undefined }) {
  const ask = { projectId, runId, position, key: String(body?.["key"]), ttlMs: Number(body?.["ttlMs"]) };
  return twin.alone(async (): Promise<JsonObject> => {
    const real = await cache.ask(ask);
    const other =
      simulated.cache.find(ask) ?? simulated.cache.take(ask, simulated.cache.asks(ask)) ?? simulated.cache.holder(ask);
    compare("cache", real, other);
    if (real.kind === "found") return { outputs: real.outputs, runId: real.runId, run: real.runName };
    return real.kind === "held" ? { holder: { ...real.by } } : {};
  });
}

async function admit(loop: CommitLoop): Promise<void> {
  const found = await twin.alone(async () => {
    const real = await dispatchStore.admissibleRuns(100);
    const named = (rows: typeof real): string[] => rows.map(({ runId }) => runId).sort();
    compare("admissible", named(real), named(simulated.admissibleRuns(100)));
    return real;
  });
  for (const { runId } of found) await loop.submit(projectId, runId, { kind: "admit" });
}

/** An agent comes back: reports and offers of its session before are refused by both. */
async function replaceSession(_loop: CommitLoop, by: number): Promise<void> {
  const agent = sessions.agents[by % sessions.agents.length];
  if (agent === undefined) return;
  await twin.alone(async () => {
    const row = simulated.sessions.get(agent.agentId);
    if (row === undefined) return;
    row.session++;
    await pools.engine.query("UPDATE agent_sessions SET session = $2 WHERE agent_id = $1", [
      agent.agentId,
      row.session,
    ]);
  });
  const known = simulated.sessions.get(agent.agentId)?.session ?? agent.session;
  // Its replica hears of it a little later.
  if (by % 2 === 0) Object.assign(agent, { session: known });
}

/** Of an agent whose session was replaced again and again. */
function passing(error: unknown): void {
  if (!(error instanceof AppError) || error.code !== "unavailable") throw error;
}

function compare(what: string, real: unknown, other: unknown): void {
  const found = differences(real, other);
  if (found.length > 0) wrong.push(`${what}: ${found.slice(0, 5).join("; ")}`);
}

const steps = fc.array(fc.tuple(fc.nat(acts.length - 1), fc.nat(1000), fc.nat(1)), { minLength: 10, maxLength: 60 });

test("the simulated database answers and keeps what PostgreSQL does, batch by batch", async () => {
  simulated.limits.set("small", { capacity: 2, perMs: undefined });
  await fc.assert(
    fc.asyncProperty(steps, async (chosen) => {
      for (let at = 0; at < chosen.length; at += 3) {
        // Three at once, at either replica: some are decided together, some on what is old by then.
        const together = chosen.slice(at, at + 3).map(async ([act, by, replica]) => {
          const loop = loops[replica];
          if (loop !== undefined) await acts[act]?.(loop, by).catch(passing);
        });
        await Promise.all(together);
        const [real, other] = await twin.alone(async () => [
          await realTables(pools.engine),
          simulatedTables(simulated),
        ]);
        compare("tables", real, other);
        expect(wrong).toEqual([]);
      }
      const keys = runIds.slice(-20).map((runId) => ({ projectId, runId }));
      await twin.loadRuns(keys);
      expect(wrong).toEqual([]);
      for (const agent of sessions.agents) {
        agent.free = 3;
        Object.assign(agent, { session: simulated.sessions.get(agent.agentId)?.session ?? agent.session });
      }
    }),
    { numRuns: 120, endOnFailure: true },
  );
  expect(simulated.world.violation).toBeUndefined();
  // Below this the run would say nothing by its silence: batches, refusals, and every part of the statement.
  expect(twin.batches).toBeGreaterThan(400);
  expect(twin.refused).toBeGreaterThan(50);
  const { isDue: _, kinds: __, ...parts } = emptyBatch();
  const kinds = ["keys", "claims", "items", "runsMore", "runsAgain"];
  expect([...Object.keys(parts), ...kinds].filter((part) => !twin.parts.has(part))).toEqual([]);
}, 180_000);
