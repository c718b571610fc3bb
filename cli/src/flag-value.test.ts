import { expect, test } from "vitest";
import { duration, wholeNumber } from "./flag-value.ts";

test("a number outside of its bounds, or written as no whole number, is refused with the bounds", () => {
  const read = wholeNumber(1, 500);
  expect([read("1"), read("500")]).toEqual([1, 500]);
  for (const bad of ["0", "501", "-1", "1.5", "1e2", "0x10", "", " 1", "007"])
    expect(() => read(bad), bad).toThrow("a whole number from 1 to 500 is needed");
});

test("a duration outside of its bounds is refused with the bounds and an example", () => {
  const read = duration("10s", { min: "5s", max: "1h" });
  expect([read("5s"), read("1h")]).toEqual([5_000, 3_600_000]);
  for (const bad of ["4s", "61m", "soon", ""])
    expect(() => read(bad), bad).toThrow("a duration of at least 5s and at most 1h is needed, such as 10s");
  expect(duration("90d")("90d")).toBe(7_776_000_000);
});
