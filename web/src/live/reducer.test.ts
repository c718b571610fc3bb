import type { LiveFrame } from "@capstan/proto";
import { expect, test } from "vitest";
import { runListOf, tasksOf } from "../../mock-api/fixtures.ts";
import { patchRuns, patchTasks } from "./reducer.ts";

const frame = (subject: string, patch: LiveFrame["patch"]): LiveFrame => ({
  subject,
  patch,
  at: "2026-11-23T09:00:00.000Z",
});

test("a task frame changes that task alone, and the same frame again changes nothing", () => {
  const before = tasksOf("running-1");
  const frames = [frame("run_running_1/load", { state: "succeeded", unknown: 1 })];
  const after = patchTasks(before, frames);
  expect(after.map((task) => task.state)).toEqual(["succeeded", "succeeded", "waiting"]);
  expect(after[0]).toBe(before[0]);
  expect(patchTasks(after, frames)).toBe(after);
});

test("a run that is not on the page is counted, not put under the pointer", () => {
  const before = runListOf(4);
  const { runs, unknown } = patchRuns(before, [
    frame("run_new", { state: "queued" }),
    frame("run_running_1", { state: "succeeded" }),
  ]);
  expect(unknown).toEqual(["run_new"]);
  expect(runs).toHaveLength(4);
  expect(runs.find((run) => run.name === "running-1")?.state).toBe("succeeded");
});
