import { joinKinds, type JoinKind } from "@capstan/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { askJoin, effectOfSkip, withNeedEnded, type JoinAnswer } from "./join.ts";
import type { Effect, NeedCounts } from "./snapshot.ts";

const effects: readonly Effect[] = ["ok", "tolerated", "fail", "cancel", "skip"];
const needs = fc.record({
  join: fc.constantFrom(...joinKinds),
  ends: fc.array(fc.constantFrom(...effects), { maxLength: 8 }),
});
const noneEnded = (open: number): NeedCounts => ({ open, ok: 0, tolerated: 0, fail: 0, cancel: 0, skip: 0 });

/** The words of docs/language.md, "Joins", about needs that have all ended. */
function inWords(join: JoinKind, ends: readonly Effect[]): JoinAnswer {
  const some = (...wanted: Effect[]): boolean => ends.some((end) => wanted.includes(end));
  switch (join) {
    case "all_success":
      return some("fail", "cancel", "skip") ? "skip" : "ready";
    case "none_failed":
      return some("fail", "cancel") || (some("skip") && !some("ok")) ? "skip" : "ready";
    case "all_done":
      return "ready";
    case "one_success":
      return ends.length === 0 || some("ok") ? "ready" : "skip";
  }
}

test("once all needs have ended a join says what its words say, whatever they came to and in whatever order", () => {
  fc.assert(
    fc.property(needs, ({ join, ends }) => {
      const counts = ends.reduce(withNeedEnded, noneEnded(ends.length));
      expect(counts.open).toBe(0);
      expect(askJoin(join, counts)).toBe(inWords(join, ends));
    }),
    { numRuns: 2000 },
  );
});

test("what a join has said it says for ever: no later need makes a start a skip, or a skip a start", () => {
  fc.assert(
    fc.property(needs, ({ join, ends }) => {
      let counts = noneEnded(ends.length);
      const answers = [askJoin(join, counts)];
      for (const end of ends) {
        counts = withNeedEnded(counts, end);
        answers.push(askJoin(join, counts));
      }
      const said = answers.filter((answer) => answer !== "wait");
      expect(new Set(said).size).toBe(1);
      expect(answers.slice(-said.length)).toEqual(said);
    }),
    { numRuns: 2000 },
  );
});

test("a skip remembers the worst behind it", () => {
  fc.assert(
    fc.property(needs, ({ ends }) => {
      const worst = (["fail", "cancel"] as const).find((effect) => ends.includes(effect)) ?? "skip";
      expect(effectOfSkip(ends.reduce(withNeedEnded, noneEnded(ends.length)))).toBe(worst);
    }),
  );
});
