// The ticks of schedules against an oracle that looks at every minute. The whole of it is in test/full.
import { expect, test } from "vitest";
import { compareSchedules } from "./support/schedule-differences.ts";

test("ticks are those of a minute-by-minute oracle over Intl in 12 zones", { timeout: 120_000 }, () => {
  const { found, ticks } = compareSchedules({ first: 1, count: 2000, fromYear: 2025, toYear: 2028 });
  expect(found).toEqual([]);
  expect(ticks).toBeGreaterThan(10_000);
});
