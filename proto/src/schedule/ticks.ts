// The ticks of a schedule: the instants at which it asks for a run, without jitter. Pure; the same on every replica.
//  T1. A tick is a whole minute on the clock of the schedule's zone, except those of `every` and `dates`.
//  T2. A time of day that the clock skips is the first instant that exists (`onGap: next`) or none (`skip`); one that it
//      shows twice is the first of them (`onOverlap: first`), the second, or both. Hours `*` and `*/n` follow real time:
//      what is skipped is no tick, and both that are shown twice are.
//  T3. Two ticks that meet are one.
import {
  movedDays,
  nthWorkingDay,
  workingDays,
  type CanonicalCalendar,
  type DayTest,
  type OnHoliday,
} from "./calendar.ts";
import { parseDate } from "./civil.ts";
import { parseCron } from "./cron.ts";
import { parseTime } from "../time.ts";
import { zoneOf, type Zone } from "./zone.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** Dates and weekdays repeat within 28 years, but for one century in four. */
const horizonDays = 40 * 366;
/** More than clocks are ever changed by. */
const aroundMs = 36 * 3_600_000;

/** A schedule of a canonical document. Exactly one of `cron`, `everyMs`, `dates` and `businessDay`. */
export interface CanonicalSchedule {
  readonly cron?: readonly string[];
  readonly everyMs?: number;
  /** ISO 8601 with a zone. */
  readonly dates?: readonly string[];
  /** The n-th working day of the month, from its end where it is negative; `at` such as `18:00`. */
  readonly businessDay?: number;
  readonly at?: string;
  readonly timezone?: string;
  readonly calendar?: string;
  readonly onHoliday?: OnHoliday;
  readonly onGap?: "next" | "skip";
  readonly onOverlap?: "first" | "second" | "both";
  readonly catchup?: "last" | "all" | "skip";
  readonly catchupMax?: number;
  readonly catchupWindowMs?: number;
  readonly overlap?: "allow" | "queue" | "skip" | "cancelRunning";
  readonly jitterMs?: number;
  /** A date of the zone, or a time with a zone; both ends belong to it. */
  readonly from?: string;
  readonly to?: string;
}

export interface Ticks {
  /** The first tick after an instant; undefined where there is none. */
  next(afterMs: number): number | undefined;
  /** The last tick before an instant; undefined where there is none. */
  previous(beforeMs: number): number | undefined;
}

/**
 * The ticks of a checked schedule. Make it once and keep it.
 * @throws CronError RangeError where it was not checked
 */
export function ticksOf(
  schedule: CanonicalSchedule,
  calendars: Readonly<Record<string, CanonicalCalendar>> = {},
): Ticks {
  const zone = zoneOf(schedule.timezone ?? "UTC");
  const fromMs = boundMs(schedule.from, zone, 0);
  const toMs = boundMs(schedule.to, zone, 1);
  return between(union(sourcesOf(schedule, calendars, zone, fromMs)), fromMs, toMs);
}

function sourcesOf(
  schedule: CanonicalSchedule,
  calendars: Readonly<Record<string, CanonicalCalendar>>,
  zone: Zone,
  fromMs: number | undefined,
): readonly Ticks[] {
  const { cron, everyMs, dates, businessDay, at, calendar, onHoliday = "skip" } = schedule;
  if (everyMs !== undefined) return [everyTicks(everyMs, fromMs ?? 0)];
  if (dates !== undefined) return [listedTicks(dates.flatMap((text) => parseTime(text) ?? []))];
  const works = workingDays(calendar === undefined ? undefined : calendars[calendar]);
  const clock = { zone, onGap: schedule.onGap ?? "next", onOverlap: schedule.onOverlap ?? "first" } as const;
  if (businessDay !== undefined) {
    const [hour = 0, minute = 0] = (at ?? "00:00").split(":").map(Number);
    return [new DailyTicks(nthWorkingDay(businessDay, works), [hour * 60 + minute], clock)];
  }
  return (cron ?? []).map((text) => {
    const { firesOn, minutes, followsRealTime } = parseCron(text);
    const days = calendar === undefined ? firesOn : movedDays(firesOn, works, onHoliday);
    return new DailyTicks(days, minutes, followsRealTime ? { ...clock, onGap: "skip", onOverlap: "both" } : clock);
  });
}

interface Clock {
  readonly zone: Zone;
  readonly onGap: "next" | "skip";
  readonly onOverlap: "first" | "second" | "both";
}

/** The same minutes of the day on some days. */
class DailyTicks implements Ticks {
  private readonly firesOn: DayTest;
  private readonly minutes: readonly number[];
  private readonly clock: Clock;
  /** Days on which clocks are changed, the last few that were asked for. */
  private readonly changed = new Map<number, readonly number[]>();

  constructor(firesOn: DayTest, minutes: readonly number[], clock: Clock) {
    this.firesOn = firesOn;
    this.minutes = minutes;
    this.clock = clock;
  }

  next(afterMs: number): number | undefined {
    const today = Math.floor((afterMs + this.clock.zone.offsetMs(afterMs)) / dayMs);
    for (let day = today - 1; day <= today + horizonDays; day++) {
      const found = this.firstAfter(day, afterMs);
      if (found === undefined) continue;
      // Where a clock goes back over midnight, the next day begins before this one has ended.
      const sooner = this.steadyOffset(day) === undefined ? this.firstAfter(day + 1, afterMs) : undefined;
      return sooner === undefined ? found : Math.min(found, sooner);
    }
    return undefined;
  }

  previous(beforeMs: number): number | undefined {
    const today = Math.floor((beforeMs + this.clock.zone.offsetMs(beforeMs)) / dayMs);
    for (let day = today + 1; day >= today - horizonDays; day--) {
      const found = this.lastBefore(day, beforeMs);
      if (found === undefined) continue;
      const later = this.steadyOffset(day) === undefined ? this.lastBefore(day - 1, beforeMs) : undefined;
      return later === undefined ? found : Math.max(found, later);
    }
    return undefined;
  }

  private firstAfter(day: number, afterMs: number): number | undefined {
    if (!this.firesOn(day)) return undefined;
    const offset = this.steadyOffset(day);
    if (offset === undefined) return this.instantsOf(day).find((atMs) => atMs > afterMs);
    const startMs = day * dayMs - offset;
    const index = countUpTo(this.minutes, Math.floor((afterMs - startMs) / minuteMs));
    const minute = this.minutes[index];
    return minute === undefined ? undefined : startMs + minute * minuteMs;
  }

  private lastBefore(day: number, beforeMs: number): number | undefined {
    if (!this.firesOn(day)) return undefined;
    const offset = this.steadyOffset(day);
    if (offset === undefined) return this.instantsOf(day).findLast((atMs) => atMs < beforeMs);
    const startMs = day * dayMs - offset;
    const index = countUpTo(this.minutes, Math.ceil((beforeMs - startMs) / minuteMs) - 1);
    const minute = this.minutes[index - 1];
    return minute === undefined ? undefined : startMs + minute * minuteMs;
  }

  /** What the clock is ahead of UTC all over a local day; undefined where it is changed on it or next to it. */
  private steadyOffset(day: number): number | undefined {
    const { zone } = this.clock;
    const localMs = day * dayMs;
    return zone.isSteady(localMs - aroundMs, localMs + dayMs + aroundMs) ? zone.offsetMs(localMs) : undefined;
  }

  /** The ticks of a day on which clocks are changed (T2). */
  private instantsOf(day: number): readonly number[] {
    const known = this.changed.get(day);
    if (known !== undefined) return known;
    const { zone, onGap, onOverlap } = this.clock;
    const found = new Set<number>();
    for (const minute of this.minutes) {
      const localMs = day * dayMs + minute * minuteMs;
      const [first, second] = zone.instantsOf(localMs);
      if (first === undefined) {
        if (onGap === "next") found.add(zone.afterGap(localMs));
      } else if (second === undefined) found.add(first);
      else {
        if (onOverlap !== "second") found.add(first);
        if (onOverlap !== "first") found.add(second);
      }
    }
    const instants = [...found].toSorted((a, b) => a - b);
    if (this.changed.size >= 8) this.changed.clear();
    this.changed.set(day, instants);
    return instants;
  }
}

/** How many of an ascending list are at most `max`. */
function countUpTo(sorted: readonly number[], max: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= max) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Real time, aligned to an instant: no deploy shifts it. */
const everyTicks = (everyMs: number, anchorMs: number): Ticks => ({
  next: (afterMs) => anchorMs + (Math.floor((afterMs - anchorMs) / everyMs) + 1) * everyMs,
  previous: (beforeMs) => anchorMs + (Math.ceil((beforeMs - anchorMs) / everyMs) - 1) * everyMs,
});

function listedTicks(instants: readonly number[]): Ticks {
  const sorted = [...new Set(instants)].toSorted((a, b) => a - b);
  return {
    next: (afterMs) => sorted.find((atMs) => atMs > afterMs),
    previous: (beforeMs) => sorted.findLast((atMs) => atMs < beforeMs),
  };
}

function union(sources: readonly Ticks[]): Ticks {
  const [only] = sources;
  if (only !== undefined && sources.length === 1) return only;
  const all = (pick: (ticks: Ticks) => number | undefined): readonly number[] =>
    sources.flatMap((ticks) => pick(ticks) ?? []);
  return {
    next: (afterMs) => all((ticks) => ticks.next(afterMs)).toSorted((a, b) => a - b)[0],
    previous: (beforeMs) => all((ticks) => ticks.previous(beforeMs)).toSorted((a, b) => b - a)[0],
  };
}

function between(ticks: Ticks, fromMs = -Infinity, toMs = Infinity): Ticks {
  const within = (atMs: number | undefined): number | undefined =>
    atMs !== undefined && atMs >= fromMs && atMs <= toMs ? atMs : undefined;
  return {
    next: (afterMs) => within(ticks.next(fromMs > afterMs ? fromMs - 1 : afterMs)),
    previous: (beforeMs) => within(ticks.previous(toMs < beforeMs ? toMs + 1 : beforeMs)),
  };
}

/** A date as its first instant in a zone, or a time that has one; undefined for anything else. The zone must exist. */
export const instantOf = (text: string, timezone: string): number | undefined => boundMs(text, zoneOf(timezone), 0);

/** A bound as an instant. A date is its first instant, or as an end its last. */
function boundMs(text: string | undefined, zone: Zone, days: 0 | 1): number | undefined {
  if (text === undefined) return undefined;
  const day = parseDate(text);
  if (day === undefined) return parseTime(text);
  const localMs = (day + days) * dayMs;
  return (zone.instantsOf(localMs)[0] ?? zone.afterGap(localMs)) - days;
}

/** Whether there is a time that ever comes, asked from a fixed day so that the answer does not depend on the clock. */
export const neverFires = (ticks: Ticks): boolean => ticks.next(Date.UTC(2024, 0, 1) - 1) === undefined;
