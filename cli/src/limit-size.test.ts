import { expect, test } from "vitest";
import { parseLimitSize } from "./limit-size.ts";

test.each([
  ["4", { capacity: 4 }],
  ["0", { capacity: 0 }],
  ["60/1m", { capacity: 60, perMs: 60_000 }],
  ["60/m", { capacity: 60, perMs: 60_000 }],
  ["5/1h30m", { capacity: 5, perMs: 5_400_000 }],
] as const)("%s is understood", (text, size) => {
  expect(parseLimitSize(text)).toEqual(size);
});

test.each(["", "x", "-1", "1.5", "60/", "60/0s", "60/1m/2", "60/10", "1234567"])("%j is refused", (text) => {
  expect(parseLimitSize(text)).toBeUndefined();
});
