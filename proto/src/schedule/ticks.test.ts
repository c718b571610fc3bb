import { expect, test } from "vitest";
import { parseCron } from "./cron.ts";
import { jitterOf, nextFires } from "./fires.ts";
import { neverFires, ticksOf, type CanonicalSchedule } from "./ticks.ts";
import { isTimeZone } from "./zone.ts";

const firesOf = (schedule: CanonicalSchedule, after: string, count: number): readonly string[] =>
  nextFires(ticksOf(schedule), schedule, { afterMs: Date.parse(after), count }).map(
    ({ local, mark }) => `${local}${mark === undefined ? "" : ` ${mark}`}`,
  );
const berlin = "Europe/Berlin";

test("a time of day that the clock skips fires at the first that exists, or not at all", () => {
  const schedule = { cron: ["30 2 * * *"], timezone: berlin };
  expect(firesOf(schedule, "2026-03-28T00:00:00Z", 3)).toEqual([
    "2026-03-28T02:30+01:00",
    "2026-03-29T03:00+02:00 after_gap",
    "2026-03-30T02:30+02:00",
  ]);
  expect(firesOf({ ...schedule, onGap: "skip" }, "2026-03-28T00:00:00Z", 2)).toEqual([
    "2026-03-28T02:30+01:00",
    "2026-03-30T02:30+02:00",
  ]);
});

test("a time of day that the clock shows twice fires at the first, the second or both", () => {
  const schedule = { cron: ["30 2 * * *"], timezone: berlin };
  const from = "2026-10-24T12:00:00Z";
  const first = "2026-10-25T02:30+02:00 first_of_two";
  const second = "2026-10-25T02:30+01:00 second_of_two";
  expect(firesOf(schedule, from, 1)).toEqual([first]);
  expect(firesOf({ ...schedule, onOverlap: "second" }, from, 1)).toEqual([second]);
  expect(firesOf({ ...schedule, onOverlap: "both" }, from, 3)).toEqual([first, second, "2026-10-26T02:30+01:00"]);
});

test("hours that are every hour follow real time", () => {
  expect(firesOf({ cron: ["0 * * * *"], timezone: berlin }, "2026-03-29T00:00:00Z", 2)).toEqual([
    "2026-03-29T03:00+02:00 after_gap",
    "2026-03-29T04:00+02:00",
  ]);
  expect(firesOf({ cron: ["0 */2 * * *"], timezone: berlin }, "2026-10-24T23:00:00Z", 3)).toEqual([
    "2026-10-25T02:00+02:00 first_of_two",
    "2026-10-25T02:00+01:00 second_of_two",
    "2026-10-25T04:00+01:00",
  ]);
});

test("a day that a zone leaves out is the beginning of the next", () => {
  expect(firesOf({ cron: ["0 12 * * *"], timezone: "Pacific/Apia" }, "2011-12-29T00:00:00Z", 3)).toEqual([
    "2011-12-29T12:00-10:00",
    "2011-12-31T00:00+14:00 after_gap",
    "2011-12-31T12:00+14:00",
  ]);
});

test("either of two given days is enough; ticks that meet are one", () => {
  const from = "2026-05-31T00:00:00Z";
  expect(firesOf({ cron: ["0 0 1 * mon", "0 0 * * 1"] }, from, 3)).toEqual([
    "2026-06-01T00:00Z",
    "2026-06-08T00:00Z",
    "2026-06-15T00:00Z",
  ]);
});

test("every is real time from its beginning, within its bounds", () => {
  const schedule = { everyMs: 90_000_000, from: "2026-01-01", to: "2026-01-03", timezone: berlin };
  expect(firesOf(schedule, "2020-01-01T00:00:00Z", 5)).toEqual([
    "2026-01-01T00:00+01:00",
    "2026-01-02T01:00+01:00",
    "2026-01-03T02:00+01:00",
  ]);
  expect(ticksOf(schedule).previous(Date.parse("2030-01-01T00:00:00Z"))).toBe(Date.parse("2026-01-03T01:00:00Z"));
});

test("a calendar moves ticks, and counts working days", () => {
  const calendars = { de: { holidays: ["2026-12-25"] } };
  const fire = (schedule: CanonicalSchedule): string | undefined => {
    const at = ticksOf({ calendar: "de", ...schedule }, calendars).next(Date.parse("2026-12-24T23:00:00Z"));
    return at === undefined ? undefined : new Date(at).toISOString().slice(0, 10);
  };
  expect(fire({ cron: ["0 9 25 * *"], onHoliday: "next" })).toBe("2026-12-28");
  expect(fire({ cron: ["0 9 25 * *"], onHoliday: "run" })).toBe("2026-12-25");
  expect(fire({ cron: ["0 9 25 * *"] })).toBe("2027-01-25");
  expect(fire({ cron: ["0 9 26 12 *"], onHoliday: "previous" })).toBe("2027-12-24");
  expect(fire({ businessDay: -1, at: "18:00" })).toBe("2026-12-31");
  expect(fire({ businessDay: 1, at: "18:00" })).toBe("2027-01-01");
});

test("what can never come is known, and what comes seldom is not mistaken for it", () => {
  for (const cron of ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31W 2 *"])
    expect(neverFires(ticksOf({ cron: [cron] }))).toBe(true);
  for (const cron of ["0 0 29 2 *", "0 0 * * 1#5"]) expect(neverFires(ticksOf({ cron: [cron] }))).toBe(false);
  expect(neverFires(ticksOf({ cron: ["0 0 * * sun"], calendar: "de" }, { de: {} }))).toBe(true);
});

test("an expression that is none says what is wrong and what to write", () => {
  for (const [text, message, hint] of [
    ["0 0 0 * * *", "6 fields where five are needed", "seconds"],
    ["0 24 * * *", "24 is no hour", "0 to 23"],
    ["5/15 * * * *", "5/15 in the minute could mean two things", "5-59/15"],
    ["0 0 * * fri-mon", "fri-mon in the day of week goes downwards", "fri-sat,sun-mon"],
    ["0 0 * foo *", "foo is no month", "jan-dec"],
    ["@often", "@often is not known", "@hourly"],
    ["*/0 * * * *", "*/0 is no step", "*/15"],
    [", * * * *", "nothing is no minute", "0 to 59"],
  ] as const) {
    const error = (() => {
      try {
        parseCron(text);
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    })();
    expect(error).toMatchObject({ message: expect.stringContaining(message), hint: expect.stringContaining(hint) });
  }
});

test("a bare offset is no time zone", () => {
  expect(["Europe/Berlin", "UTC", "+01:00", "Europe/Berlinn", ""].map(isTimeZone)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("jitter is within its bound, equal for equal ticks and spread over schedules", () => {
  const put = Array.from({ length: 1000 }, (_, i) => jitterOf(`nightly_${i}.schedule`, 1_800_000_000_000, 60_000));
  expect(put.every((ms) => ms >= 0 && ms <= 60_000)).toBe(true);
  expect(jitterOf("nightly_1.schedule", 1_800_000_000_000, 60_000)).toBe(put[1]);
  for (let tenth = 0; tenth < 10; tenth++) {
    const within = put.filter((ms) => Math.floor(ms / 6000) === tenth).length;
    expect(within).toBeGreaterThan(60);
    expect(within).toBeLessThan(150);
  }
});
