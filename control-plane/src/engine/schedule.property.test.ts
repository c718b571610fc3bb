import { ticksOf, type CanonicalSchedule, type MissReason } from "@capstan/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decideTicks, dueOf } from "./schedule.ts";

const beginMs = Date.parse("2026-06-01T00:00:00Z");
const lateMs = 60_000;

const schedules: fc.Arbitrary<CanonicalSchedule> = fc.record(
  {
    everyMs: fc.integer({ min: 1_000, max: 200_000 }),
    catchup: fc.constantFrom("last", "all", "skip"),
    catchupMax: fc.integer({ min: 1, max: 5 }),
    overlap: fc.constantFrom("allow", "queue", "skip", "cancelRunning"),
    jitterMs: fc.nat(10_000),
  },
  { requiredKeys: ["everyMs"] },
);
/** Looks at the schedule, each so long after the one before; sometimes somebody was away for long, or it is paused. */
const looks = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.nat(3_000), fc.nat(60_000), fc.nat(500_000)),
    paused: fc.option(fc.constantFrom("paused", "workflow_paused"), { nil: undefined }),
    isGoing: fc.boolean(),
    waiting: fc.nat(5),
  }),
  { minLength: 1, maxLength: 12 },
);

test("each tick becomes one run or one reason, in order and never early, however often and however late it is looked at", () => {
  fc.assert(
    fc.property(schedules, looks, (schedule, times) => {
      const ticks = ticksOf(schedule);
      const everyMs = schedule.everyMs ?? 1;
      const firstMs = ticks.next(beginMs) ?? 0;
      const wrong: string[] = [];
      const holds = (what: string, is: boolean): void => void (is || wrong.push(what));
      let nextTickMs = firstMs;
      let nowMs = beginMs;
      const runs: number[] = [];
      const missed = new Map<number, MissReason>();
      for (const { afterMs, paused, isGoing, waiting } of times) {
        nowMs += afterMs;
        const due = { name: "w.schedule", schedule, nextTickMs, paused, isGoing, waiting };
        const { starts, missed: reasons, ...next } = decideTicks(due, ticks, nowMs);
        for (const { tickMs, windowStartMs } of starts) {
          holds("no run is early", dueOf("w.schedule", schedule, tickMs) <= nowMs);
          holds("a window begins with the tick before", tickMs - windowStartMs === everyMs);
          holds("ticks are taken in order", (runs.at(-1) ?? 0) < tickMs);
          runs.push(tickMs);
        }
        for (const { tickMs, reason, detail } of reasons) {
          holds("one reason for a tick", !missed.has(tickMs));
          missed.set(tickMs, reason);
          // One reason for all that were left for very long, the newest thousand apart.
          if (detail === undefined) continue;
          const lastMs = Date.parse(detail.slice("and all others until ".length));
          for (let one = tickMs + everyMs; one <= lastMs; one += everyMs) missed.set(one, reason);
        }
        const late = starts.filter((one) => nowMs - one.tickMs > lateMs + everyMs + (schedule.jitterMs ?? 0));
        holds("a pause starts nothing", paused === undefined || starts.length === 0);
        holds("skip lets one go on", schedule.overlap !== "skip" || starts.length <= (isGoing ? 0 : 1));
        holds("skip makes up for nothing", schedule.catchup !== "skip" || late.length === 0);
        holds("all has its bound", schedule.catchup !== "all" || late.length <= (schedule.catchupMax ?? 100));
        nextTickMs = next.nextTickMs ?? 0;
        holds(
          "the next is due when its tick and jitter say",
          dueOf("w.schedule", schedule, nextTickMs) === next.nextDueMs,
        );
        holds("the next is still to come", nextTickMs > nowMs || (next.nextDueMs ?? 0) > nowMs);
      }
      const decided = [...runs, ...missed.keys()];
      const known = new Set(decided);
      holds("no tick is decided twice", known.size === decided.length);
      for (let tickMs = firstMs; tickMs < nextTickMs; tickMs += everyMs)
        holds(`tick ${tickMs} is decided`, known.has(tickMs));
      holds(
        "no tick is decided before its time",
        decided.every((tickMs) => tickMs < nextTickMs),
      );
      expect(wrong).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
