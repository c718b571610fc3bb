import { expect, test } from "vitest";
import { readWorkflow } from "@capstan/proto";
import { groupOf } from "./concurrency.ts";
import { orderOfRun } from "./order.ts";
import { orderValuesOf } from "./vars.ts";

const { document } = readWorkflow({
  text: `
version: 1
name: job
priority: "\${{ run.attempt > 1 ? 1 : 4 }}"
fairnessKey: "\${{ run.workflow }}-\${{ run.number }}-\${{ date(run.scheduledAt) }}"
concurrency: { key: "\${{ run.labels.team }}" }
tasks: { a: { run: "true" } }
`,
});

const run = {
  inputs: {},
  labels: { team: "data" },
  trigger: { early: { workflow: "job", number: 7, attempt: 2, scheduledAt: Date.UTC(2026, 4, 1) } },
};

test("priority and keys see the run as it was when it was asked for, and its labels", () => {
  if (document === undefined) throw new Error("it is a workflow");
  expect(orderOfRun(document, run)).toEqual({ kind: "order", priority: 1, fairnessKey: "job-7-2026-05-01" });
  const key = (team: string): string | undefined =>
    groupOf(document, "w", orderValuesOf({ ...run, labels: { team } }))?.key;
  expect(key("data")).toBe(key("data"));
  expect(key("data")).not.toBe(key("ops"));
});

test("a run that kept nothing of it has no order of its own, and its key is an error", () => {
  if (document === undefined) throw new Error("it is a workflow");
  const bare = { ...run, trigger: {} };
  expect(orderOfRun(document, bare).kind).toBe("error");
  expect(() => groupOf(document, "w", orderValuesOf(bare))).toThrow();
});
