import { expect, test } from "vitest";
import type { Commit, StartRun } from "../commit/commit.ts";
import type { RunEvent } from "../engine/event.ts";
import { EngineFixture } from "../testing/engine-fixture.ts";
import type { WorkflowEditions } from "../workflow/editions.ts";
import { ChildStarter } from "./child-starter.ts";
import type { EarlyRuns } from "./early-run.ts";

/** Starts the child of a parent that was paused after it had asked for it. */
async function startUnderPaused(wait: boolean): Promise<StartRun | undefined> {
  const parent = new EngineFixture({
    tasks: { call: { action: { workflow: { name: "report", wait } }, needs: [] } },
  });
  const pause: RunEvent = { kind: "pause_run", actor: "ana", reason: "disk is full" };
  parent.send(pause);
  let asked: StartRun | undefined;
  const commit = {
    start: (request: StartRun) => {
      asked = request;
      return Promise.resolve({ kind: "unclaimed" });
    },
  } as unknown as Commit; // what a child's start asks of it, here and below
  const document = { version: 1, name: "report", tasks: {} };
  const editions = {
    active: () => Promise.resolve({ document }),
    version: () => Promise.resolve({ document }),
  } as unknown as WorkflowEditions;
  const early = { prepare: () => Promise.resolve({ kept: {}, start: {} }) } as unknown as EarlyRuns;
  const starter = new ChildStarter(commit, { loadRuns: () => Promise.resolve([parent.run]) }, editions, early);
  const told = await starter.start({
    projectId: "p",
    runId: parent.run.id,
    position: 0,
    kind: "child_start",
    body: { runId: "child", task: "call", workflow: "report", version: "active", inputs: {}, wait },
  });
  expect(told).toBeUndefined();
  return asked;
}

test("a child of a paused parent begins when its parent goes on", async () => {
  expect(await startUnderPaused(true)).toMatchObject({ paused: { actor: "ana", reason: "disk is full" } });
});

test("a child that nobody waits for begins at once, also under a paused parent, which would not tell it to go on", async () => {
  expect(await startUnderPaused(false)).toMatchObject({ runId: "child", paused: undefined });
});
