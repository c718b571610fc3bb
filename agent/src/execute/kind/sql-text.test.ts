import { expect, test } from "vitest";
import { cpuMsOf } from "../../../../test/support/cpu-time.ts";
import { bindText } from "./sql-text.ts";

test("a name becomes a number, the same name the same number", () => {
  expect(bindText("select * from t where a = :a and b > :b or c = :a", { b: 2, a: 1 }, "postgres")).toEqual({
    text: "select * from t where a = $1 and b > $2 or c = $1",
    values: [1, 2],
  });
  expect(bindText("select :a, @b, $a", { a: 1, b: 2 }, "sqlite").text).toBe("select ?1, ?2, ?1");
});

const untouched: readonly [string, "postgres" | "sqlite"][] = [
  ["select ':x'", "postgres"],
  ["select 'it''s :x'", "postgres"],
  [String.raw`select E'a\' :x'`, "postgres"],
  ['select 1 as ":x"', "postgres"],
  ["select 1::text", "postgres"],
  ["select $$ :x $$", "postgres"],
  ["do $body$ begin :x; end $body$", "postgres"],
  ["select 1 -- :x", "postgres"],
  ["select 1 /* a /* :x */ :x */", "postgres"],
  ["select f(a := 1)", "postgres"],
  ["select [:x], `:x`", "sqlite"],
  ["select 1 /* :x", "sqlite"],
];
test.each(untouched)("no placeholder is seen in %s (%s)", (text, dialect) => {
  expect(bindText(text, {}, dialect)).toEqual({ text, values: [] });
});

test("what does not fit is told before the database is asked", () => {
  expect(() => bindText("select :a", {}, "postgres")).toThrow("the query names :a, and params has no a");
  expect(() => bindText("select 1", { a: 1 }, "sqlite")).toThrow("params has a, which the query does not name (:a)");
  expect(() => bindText("select ?, ?", [1], "sqlite")).toThrow("the query has 2 placeholders, and params has 1");
  expect(() => bindText("select :a", [1], "sqlite")).toThrow("write params as a map");
  expect(() => bindText("select :toString", {}, "postgres")).toThrow("has no toString");
});

test("a text of quotes alone costs no more than its length", () => {
  const texts = ["'".repeat(200_001), "/*".repeat(100_000), "$a$".repeat(60_001), `E'${"\\".repeat(200_001)}`];
  expect(
    cpuMsOf(() => {
      for (const text of texts) bindText(text, {}, "postgres");
    }),
  ).toBeLessThan(2_000);
});
