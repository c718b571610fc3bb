// How a workflow is tested by its author: rehearsed with mocks, in virtual time, without a server.
import { expect, test } from "vitest";
import { fails, rehearse } from "@capstan/sdk/testing";
import wordReport from "./workflows/word_report.ts";

const counted = (words: number): object => ({ words, longest: "workflow", table: { $file: "words.csv" } });

test("a text of enough words gets a report", async () => {
  const run = await rehearse(wordReport, { mocks: { count: { ...counted(3) }, report: { lines: 4 } } });
  expect(run).toMatchObject({ state: "succeeded", outputs: { words: 3, reported: true } });
  expect(run.tasks["report"]?.with).toMatchObject({ title: "3 words, the longest is workflow" });
});

test("a short one gets none, and the run succeeds", async () => {
  const run = await rehearse(wordReport, { mocks: { count: { ...counted(2) } } });
  expect(run).toMatchObject({ state: "succeeded", outputs: { reported: false } });
  expect(run.tasks["report"]?.state).toBe("skipped");
});

test("where counting fails, the run does", async () => {
  const run = await rehearse(wordReport, { mocks: { count: fails("out of words") } });
  expect(run).toMatchObject({ state: "failed", failure: { task: "count", message: "out of words" } });
});
