import { expect, test } from "vitest";
import { askJoin, effectOfSkip } from "./join.ts";
import type { NeedCounts } from "./snapshot.ts";

const none: NeedCounts = { open: 0, ok: 0, tolerated: 0, fail: 0, cancel: 0, skip: 0 };
const joins = ["all_success", "none_failed", "all_done", "one_success"] as const;

// Rows and columns of the table in docs/language.md, "Joins".
const table: readonly (readonly [string, Partial<NeedCounts>, readonly [string, string, string, string]])[] = [
  ["no needs", {}, ["ready", "ready", "ready", "ready"]],
  ["all ok or tolerated, one ok", { ok: 1, tolerated: 1 }, ["ready", "ready", "ready", "ready"]],
  ["all tolerated", { tolerated: 2 }, ["ready", "ready", "ready", "skip"]],
  ["some skip, one ok", { skip: 1, ok: 1 }, ["skip", "ready", "ready", "ready"]],
  ["some skip, none ok", { skip: 1, tolerated: 1 }, ["skip", "skip", "ready", "skip"]],
  ["one fail, one ok", { fail: 1, ok: 1 }, ["skip", "skip", "ready", "ready"]],
  ["one cancel, none ok", { cancel: 1, skip: 1 }, ["skip", "skip", "ready", "skip"]],
  ["one fail, others not ended", { fail: 1, open: 1 }, ["skip", "skip", "wait", "wait"]],
  ["one skip, others not ended", { skip: 1, open: 1 }, ["skip", "wait", "wait", "wait"]],
  ["one ok, others not ended", { ok: 1, open: 1 }, ["wait", "wait", "wait", "ready"]],
];

for (const [name, counts, answers] of table) {
  test(`join: ${name}`, () => {
    expect(joins.map((join) => askJoin(join, { ...none, ...counts }))).toEqual(answers);
  });
}

test("a skip remembers a failure behind it, then a cancel", () => {
  expect(effectOfSkip({ ...none, fail: 1, cancel: 1 })).toBe("fail");
  expect(effectOfSkip({ ...none, cancel: 1, ok: 1 })).toBe("cancel");
  expect(effectOfSkip({ ...none, skip: 2 })).toBe("skip");
});
