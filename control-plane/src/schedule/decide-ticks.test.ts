import { ticksOf, type CanonicalSchedule } from "@capstan/proto";
import { expect, test } from "vitest";
import { decideTicks, type DueSchedule } from "../engine/schedule.ts";

const at = (text: string): number => Date.parse(`2026-06-01T${text}Z`);
const everyMinute: CanonicalSchedule = { cron: ["* * * * *"] };

function decided(schedule: CanonicalSchedule, next: string, now: string, more: Partial<DueSchedule> = {}) {
  const due = { name: "w.schedule", schedule, nextTickMs: at(next), isGoing: false, waiting: 0, ...more };
  const decision = decideTicks(due, ticksOf(schedule), at(now));
  const text = (ms: number): string => new Date(ms).toISOString().slice(11, 16);
  return {
    starts: decision.starts.map(({ tickMs }) => text(tickMs)),
    missed: decision.missed.map(({ tickMs, reason }) => `${text(tickMs)} ${reason}`),
    next: decision.nextTickMs === undefined ? undefined : text(decision.nextTickMs),
  };
}

test("a tick that is on time is a run, and the next follows it", () => {
  expect(decided(everyMinute, "06:00:00", "06:00:00.010")).toEqual({ starts: ["06:00"], missed: [], next: "06:01" });
});

test("late ticks become the newest, none, or all of them within bounds; each other is told", () => {
  const late = (schedule: CanonicalSchedule) => decided({ ...everyMinute, ...schedule }, "06:00:00", "06:04:30");
  expect(late({})).toEqual({
    starts: ["06:03", "06:04"],
    missed: ["06:00 away", "06:01 away", "06:02 away"],
    next: "06:05",
  });
  expect(late({ catchup: "skip" }).starts).toEqual(["06:04"]);
  expect(late({ catchup: "all" })).toEqual({
    starts: ["06:00", "06:01", "06:02", "06:03", "06:04"],
    missed: [],
    next: "06:05",
  });
  expect(late({ catchup: "all", catchupMax: 2 }).missed).toEqual(["06:00 away", "06:01 away"]);
  expect(late({ catchup: "all", catchupWindowMs: 120_000 }).starts).toEqual(["06:03", "06:04"]);
});

test("while paused every tick is told, and none is made up for", () => {
  expect(decided({ ...everyMinute, catchup: "all" }, "06:00:00", "06:02:00", { paused: "paused" })).toEqual({
    starts: [],
    missed: ["06:00 paused", "06:01 paused", "06:02 paused"],
    next: "06:03",
  });
});

test("where an earlier run goes on a tick is skipped, or waits while there is room", () => {
  const going = (schedule: CanonicalSchedule, waiting = 0) =>
    decided({ ...everyMinute, ...schedule }, "06:00:00", "06:00:01", { isGoing: true, waiting });
  expect(going({ overlap: "skip" })).toMatchObject({ starts: [], missed: ["06:00 overlap"] });
  expect(going({ overlap: "queue" }).starts).toEqual(["06:00"]);
  expect(going({ overlap: "queue" }, 100).missed).toEqual(["06:00 queue_full"]);
  expect(going({}).starts).toEqual(["06:00"]);
});

test("what has piled up for a year is told in bounded time: the newest one by one, the rest in one", () => {
  const schedule: CanonicalSchedule = { everyMs: 10_000 };
  const due = { name: "w.s", schedule, nextTickMs: at("00:00:00") - 365 * 86_400_000, isGoing: false, waiting: 0 };
  const before = process.cpuUsage();
  const { starts, missed, nextTickMs } = decideTicks(due, ticksOf(schedule), at("00:00:05"));
  const used = process.cpuUsage(before);
  expect((used.user + used.system) / 1000).toBeLessThan(200);
  expect(missed.length + starts.length).toBe(1001);
  expect(missed[0]).toMatchObject({ tickMs: due.nextTickMs, detail: expect.stringContaining("and all others until") });
  expect(nextTickMs).toBe(at("00:00:10"));
});

test("a window begins with the tick before", () => {
  const schedule: CanonicalSchedule = { cron: ["0 6 * * mon-fri"] };
  const due = { name: "w.s", schedule, nextTickMs: at("06:00:00"), isGoing: false, waiting: 0 };
  const [start] = decideTicks(due, ticksOf(schedule), at("06:00:00")).starts;
  expect(start?.windowStartMs).toBe(Date.parse("2026-05-29T06:00:00Z"));
});

test("jitter puts a run off and is not lateness", () => {
  const schedule: CanonicalSchedule = { cron: ["0 6 * * *"], jitterMs: 600_000 };
  const first = decided(schedule, "06:00:00", "06:00:00");
  expect(first).toMatchObject({ starts: [], missed: [], next: "06:00" });
  expect(decided(schedule, "06:00:00", "06:10:00").starts).toEqual(["06:00"]);
});
