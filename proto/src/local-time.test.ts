import { expect, test } from "vitest";
import { nextLocalTime } from "./local-time.ts";

test("the next time of day is the first one after now, by the clocks of the zone", () => {
  const next = (after: string, time: string, zone: string): string =>
    new Date(nextLocalTime(Date.parse(after), time, zone)).toISOString();
  expect(next("2026-01-10T05:00:00Z", "07:30", "UTC")).toBe("2026-01-10T07:30:00.000Z");
  expect(next("2026-01-10T07:30:00Z", "07:30", "UTC")).toBe("2026-01-11T07:30:00.000Z");
  expect(next("2026-01-10T05:00:00Z", "07:30", "Europe/Berlin")).toBe("2026-01-10T06:30:00.000Z");
  expect(next("2026-07-10T23:00:00Z", "07:30", "Europe/Berlin")).toBe("2026-07-11T05:30:00.000Z");
  expect(next("2026-01-10T23:00:00Z", "09:00", "Asia/Tokyo")).toBe("2026-01-11T00:00:00.000Z");
  // 02:30 is left out on 29 March: an hour later is the same distance from midnight.
  expect(next("2026-03-28T23:30:00Z", "02:30", "Europe/Berlin")).toBe("2026-03-29T01:30:00.000Z");
});
