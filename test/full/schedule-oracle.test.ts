// 100,000 schedules, 2020 to 2040, 12 zones: every tick compared with an oracle that looks at every minute.
// CAPSTAN_SCHEDULE_SEED chooses the first seed; a difference prints its own.
import { expect, test } from "vitest";
import { compareSchedules } from "../support/schedule-differences.ts";

const first = Number(process.env["CAPSTAN_SCHEDULE_SEED"] ?? 1);

test("100,000 schedules tick as the oracle says", { timeout: 1_800_000 }, () => {
  const { found, ticks } = compareSchedules({ first, count: 100_000, fromYear: 2020, toYear: 2041 });
  console.log(`${ticks} ticks compared`);
  expect(found).toEqual([]);
});
