// Dedupe keys: of the runs of a workflow that were started by one key, at most one goes on, whoever asks for it and where.
import type { CanonicalConcurrency, CanonicalTask } from "@capstan/proto";
import { afterAll, expect, test } from "vitest";
import { cloneDatabase } from "../../../test/support/database.ts";
import { PgSweepStore } from "../database/store/sweep-store.ts";
import { commitFixture, newId } from "../testing/commit-fixture.ts";
import type { StartOutcome, StartRun, WorkflowEdition } from "./commit.ts";

const database = await cloneDatabase();
const fixture = await commitFixture(database);
const { loop, pools, projectId } = fixture;
const replicas = [loop, await fixture.replica(), await fixture.replica()];
afterAll(() => pools.close());

const task: CanonicalTask = { action: { run: { script: "true" } }, needs: [] };
const deploy = (name: string, concurrency?: CanonicalConcurrency) =>
  fixture.deploy({ version: 1, name, tasks: { only: task }, ...(concurrency === undefined ? {} : { concurrency }) });
const start = (edition: WorkflowEdition, dedupeKey: string, more: Partial<StartRun> = {}, by = loop) =>
  by.start({ edition, inputs: {}, labels: {}, trigger: { kind: "test" }, dedupeKey, ...more });
const runOf = (outcome: StartOutcome): string => {
  if (!("runId" in outcome)) throw new Error(`${outcome.kind} has no run`);
  return outcome.runId;
};
/** Ends a run by whichever replica has a true picture of it. */
async function end(runId: string): Promise<void> {
  for (const replica of replicas)
    await replica.submit(projectId, runId, { kind: "cancel_run", actor: "t", reason: "", force: true });
}
const runsOf = async ({ workflowId }: WorkflowEdition): Promise<number> =>
  (await pools.engine.query("SELECT 1 FROM runs WHERE workflow_id = $1", [workflowId])).rowCount ?? 0;
const keysOf = async ({ workflowId }: WorkflowEdition): Promise<readonly string[]> =>
  (
    await pools.engine.query<{ key: string }>("SELECT key FROM run_dedupe_keys WHERE workflow_id = $1 ORDER BY key", [
      workflowId,
    ])
  ).rows.map(({ key }) => key);

test("twenty who ask at three replicas at once have one run, and the next one after its end has another", async () => {
  const edition = await deploy("raced");
  for (let round = 1; round <= 5; round++) {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => start(edition, "day", {}, replicas[i % replicas.length])),
    );
    expect(new Set(outcomes.map(runOf)).size).toBe(1);
    expect(outcomes.filter(({ kind }) => kind === "started")).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === "deduped")).toHaveLength(19);
    expect(await runsOf(edition)).toBe(round);
    await end(runOf(outcomes[0] ?? { kind: "unclaimed" }));
  }
});

test("other keys, other workflows and starts without a key are not held up", async () => {
  const [one, two] = [await deploy("one"), await deploy("two")];
  const outcomes = await Promise.all([
    start(one, "a"),
    start(one, "b"),
    start(two, "a"),
    loop.start({ edition: one, inputs: {}, labels: {}, trigger: { kind: "test" } }),
  ]);
  expect(outcomes.map(({ kind }) => kind)).toEqual(["started", "started", "started", "started"]);
});

test("an idempotency key that came with it stands for the run that it was answered with, also after that has ended", async () => {
  const edition = await deploy("repeated");
  const idempotency = (key: string) => ({ idempotency: { caller: "c", key, requestSha256: "s" } });
  const first = runOf(await start(edition, "a", idempotency("first")));
  expect(await start(edition, "a", idempotency("second"))).toEqual({ kind: "deduped", runId: first });
  await end(first);
  for (const key of ["first", "second"])
    expect(await start(edition, "a", idempotency(key))).toEqual({ kind: "replayed", runId: first });
  expect(await runsOf(edition)).toBe(1);
  expect((await start(edition, "a", idempotency("third"))).kind).toBe("started");
});

test("where the workflow takes no more runs, the run of the key is the answer and another key is refused", async () => {
  const edition = await deploy("limited", { limit: 1, onLimit: "skip" });
  const runId = runOf(await start(edition, "a"));
  expect(await start(edition, "a")).toEqual({ kind: "deduped", runId });
  expect((await start(edition, "b")).kind).toBe("limit_reached");
});

test("a key that was taken by a start which came to no run is free", async () => {
  const edition = await deploy("unmade");
  // A row that nobody wrote.
  const claim = { runId: newId(), position: -1, kind: "schedule_start" as const };
  expect((await start(edition, "a", { claim })).kind).toBe("unclaimed");
  const outcomes = await Promise.all([1, 2, 3].map((i) => start(edition, "a", {}, replicas[i % replicas.length])));
  expect(new Set(outcomes.map(runOf)).size).toBe(1);
  expect(await runsOf(edition)).toBe(1);
});

test("keys of runs that have ended are swept, the others stay", async () => {
  const edition = await deploy("swept");
  const [ended] = [await start(edition, "ended"), await start(edition, "open")];
  await end(runOf(ended));
  await new PgSweepStore(pools.engine).sweep(1000);
  expect(await keysOf(edition)).toEqual(["open"]);
});
