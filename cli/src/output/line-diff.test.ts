import fc from "fast-check";
import { expect, test } from "vitest";
import { lineDiff } from "./line-diff.ts";

test("changed lines are shown with what is around them, the rest is left out", () => {
  const before = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].join("\n");
  const after = before.replace("e", "E").replace("i", "i\nj");
  expect(lineDiff(before, after).map(({ mark, text }) => `${mark}${text}`)).toEqual([
    "@",
    " c",
    " d",
    "-e",
    "+E",
    " f",
    " g",
    " h",
    " i",
    "+j",
  ]);
  expect(lineDiff(before, before)).toEqual([]);
});

test("taking the diff's lines gives both texts back", () => {
  const lines = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      // Texts this short are shown whole.
      const shown = lineDiff(before.join("\n"), after.join("\n"));
      fc.pre(shown.length > 0 && shown.every(({ mark }) => mark !== "@"));
      const side = (mark: string): string[] => shown.filter((line) => line.mark !== mark).map(({ text }) => text);
      expect([side("+"), side("-")]).toEqual([before, after]);
    }),
  );
});
