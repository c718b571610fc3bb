import { formatTime, parseTime, ticksOf } from "@capstan/proto";
import { expect, test } from "vitest";
import { countOf, decideBackfill, placesOf, type BackfillNow, type BackfillWhat } from "./backfill.ts";

const at = (text: string): number => parseTime(text) ?? 0;
const text = (ms: number): string => formatTime(ms).slice(0, 16);
const daily = ticksOf({ cron: ["0 6 * * *"], timezone: "Europe/Berlin" });
const may: BackfillWhat = {
  kind: "ticks",
  trigger: "daily",
  fromMs: at("2026-04-30T22:00:00Z"),
  toMs: at("2026-05-31T22:00:00Z"),
};
const all = (what: BackfillWhat, newestFirst: boolean, max = 1_000): readonly number[] =>
  placesOf(what, daily, { after: undefined, newestFirst, max }).map((place) => place.at);

test("a month has its ticks, each with the one before it, and the order only turns them round", () => {
  const places = placesOf(may, daily, { after: undefined, newestFirst: false, max: 100 });
  expect(places).toHaveLength(31);
  expect(places[0]).toEqual({ at: at("2026-05-01T04:00:00Z"), windowStartMs: at("2026-04-30T04:00:00Z") });
  expect(all(may, true)).toEqual(all(may, false).toReversed());
});

test("the end of a range does not belong to it", () => {
  const hours: BackfillWhat = {
    kind: "every",
    everyMs: 3_600_000,
    fromMs: at("2026-05-01T00:30:00Z"),
    toMs: at("2026-05-01T03:30:00Z"),
  };
  expect(countOf(hours)).toBe(3);
  expect(all(hours, false).map(text)).toEqual(["2026-05-01T00:30", "2026-05-01T01:30", "2026-05-01T02:30"]);
  expect(all({ ...hours, toMs: hours.fromMs }, true)).toEqual([]);
});

test("walked in pieces of any size every place comes once", () => {
  for (const what of [may, { kind: "values", count: 31 } as const]) {
    for (const newestFirst of [false, true]) {
      const walked: number[] = [];
      for (let size = 1; ; size = (size % 5) + 1) {
        const part = placesOf(what, daily, { after: walked.at(-1), newestFirst, max: size });
        if (part.length === 0) break;
        walked.push(...part.map((place) => place.at));
      }
      expect(walked).toEqual(all(what, newestFirst));
    }
  }
});

const now = (more: Partial<BackfillNow>): BackfillNow => ({
  state: "running",
  maxParallel: 2,
  open: 0,
  failed: 0,
  candidates: [{ at: 0 }, { at: 1 }, { at: 2 }],
  isLast: true,
  existing: new Set(),
  ...more,
});
const taken = (more: Partial<BackfillNow>) => {
  const { takes, state } = decideBackfill(now(more));
  return { state, takes: takes.map(({ place, isSkipped }) => `${place.at}${isSkipped ? " skipped" : ""}`) };
};

test("no more than may go on at once are asked for, and what has a run costs no room", () => {
  expect(taken({})).toEqual({ state: "running", takes: ["0", "1"] });
  expect(taken({ open: 2 })).toEqual({ state: "running", takes: [] });
  expect(taken({ open: 1, existing: new Set([0, 2]) }).takes).toEqual(["0 skipped", "1", "2 skipped"]);
});

test("it is over when nothing is left and nothing goes on; one failure fails it", () => {
  expect(taken({ candidates: [] }).state).toBe("succeeded");
  expect(taken({ candidates: [], open: 1 }).state).toBe("running");
  expect(taken({ candidates: [], isLast: false }).state).toBe("running");
  expect(taken({ candidates: [], failed: 1 }).state).toBe("failed");
  expect(taken({ existing: new Set([0, 1, 2]) }).state).toBe("succeeded");
});

test("while it is cancelled or paused nothing is taken", () => {
  expect(taken({ state: "cancelling", open: 1 })).toEqual({ state: "cancelling", takes: [] });
  expect(taken({ state: "cancelling" })).toEqual({ state: "cancelled", takes: [] });
  expect(taken({ state: "paused" })).toEqual({ state: "paused", takes: [] });
});
