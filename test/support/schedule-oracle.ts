// What a schedule means, said a second time and slowly: every minute of two decades is looked at, with what Intl says
// the clocks of the zone show, and expressions are made together with their meaning, so that no parser is shared.
import type { CanonicalCalendar, CanonicalSchedule, WeekdayName } from "@capstan/proto";

const minuteMs = 60_000;
const dayMinutes = 1440;

export const oracleZones = [
  "UTC",
  "Europe/Berlin",
  "Europe/London",
  "America/New_York",
  "America/St_Johns",
  "America/Havana",
  "America/Santiago",
  "Africa/Casablanca",
  "Africa/Cairo",
  "Asia/Kathmandu",
  "Australia/Lord_Howe",
  "Pacific/Chatham",
] as const;

/** What the clocks of a zone are ahead of UTC, in minutes, for every minute from one year to another. */
export class MinuteClocks {
  readonly startMinute: number;
  readonly endMinute: number;
  /** Minutes at which the clock is changed, and by how much. */
  readonly changes: readonly { readonly at: number; readonly by: number }[];
  private readonly offsets: Int16Array;

  constructor(zone: string, fromYear: number, toYear: number) {
    this.startMinute = Date.UTC(fromYear, 0, 1) / minuteMs;
    this.endMinute = Date.UTC(toYear, 0, 1) / minuteMs;
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
    });
    const asked = (minute: number): number => {
      const [month = 1, day = 1, year = 0, hour = 0, min = 0] = (
        format.format(minute * minuteMs).match(/\d+/g) ?? []
      ).map(Number);
      return Date.UTC(year, month - 1, day, hour, min) / minuteMs - minute;
    };
    this.offsets = new Int16Array(this.endMinute - this.startMinute + 60);
    const changes: { at: number; by: number }[] = [];
    let before = asked(this.startMinute);
    for (let hour = this.startMinute; hour < this.endMinute; hour += 60) {
      const then = asked(hour + 60);
      for (let minute = hour; minute < hour + 60; minute++) {
        const offset = then === before ? before : asked(minute);
        const index = minute - this.startMinute;
        const last = index === 0 ? offset : (this.offsets[index - 1] ?? 0);
        if (offset !== last) changes.push({ at: minute, by: offset - last });
        this.offsets[index] = offset;
      }
      before = then;
    }
    this.changes = changes;
  }

  local(minute: number): number {
    return minute + (this.offsets[minute - this.startMinute] ?? 0);
  }
}

/** What has been made up: a schedule, and the two parts of its meaning. */
export interface MadeSchedule {
  readonly schedule: CanonicalSchedule;
  readonly calendars: Readonly<Record<string, CanonicalCalendar>>;
  readonly isMinute: (minuteOfDay: number) => boolean;
  readonly isDay: (epochDay: number) => boolean;
  readonly followsRealTime: boolean;
}

/** The ticks at or after a minute, by looking at each minute until there are `count` or the end is reached. */
export function slowTicks(
  made: MadeSchedule,
  clocks: MinuteClocks,
  range: { readonly from: number; readonly to: number; readonly count: number },
): readonly number[] {
  const { isMinute, isDay, followsRealTime } = made;
  const { onGap = "next", onOverlap = "first" } = made.schedule;
  const found: number[] = [];
  const minutes = Array.from({ length: dayMinutes }, (_, minute) => isMinute(minute));
  const fires = (local: number): boolean =>
    minutes[local % dayMinutes] === true && isDay(Math.floor(local / dayMinutes));
  const nearby = clocks.changes.filter(({ at }) => at > range.from - 3000 && at < range.to + 3000);
  for (let minute = range.from; minute < range.to && found.length < range.count; minute++) {
    const local = clocks.local(minute);
    let isTick = fires(local);
    for (const { at, by } of nearby) {
      if (by < 0 && isTick && !followsRealTime) {
        if (minute >= at && minute < at - by && onOverlap === "first") isTick = false;
        if (minute >= at + by && minute < at && onOverlap === "second") isTick = false;
      }
      if (by > 0 && minute === at && !followsRealTime && onGap === "next") {
        for (let skipped = local - by; skipped < local; skipped++) if (fires(skipped)) isTick = true;
      }
    }
    if (isTick) found.push(minute * minuteMs);
  }
  return found;
}

/** Numbers from a seed (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Rand = (below: number) => number;
interface Part {
  readonly text: string;
  readonly has: (number: number) => boolean;
}
const weekdays: readonly WeekdayName[] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const months = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");

function fieldOf(rand: Rand, min: number, max: number, wild: number, names?: readonly string[]): Part {
  if (rand(100) < wild) return { text: "*", has: () => true };
  const parts = Array.from({ length: 1 + (rand(4) === 0 ? rand(3) : 0) }, (): Part => {
    const a = min + rand(max - min + 1);
    const b = a + rand(max - a + 1);
    const step = 1 + rand(max - min);
    const said = (number: number): string =>
      names !== undefined && rand(2) === 0 ? (names[number - min] ?? "") : String(number);
    switch (rand(5)) {
      case 0:
        return { text: `*/${step}`, has: (n) => (n - min) % step === 0 };
      case 1:
        return { text: `${said(a)}-${said(b)}`, has: (n) => n >= a && n <= b };
      case 2:
        return { text: `${a}-${b}/${step}`, has: (n) => n >= a && n <= b && (n - a) % step === 0 };
      default:
        return { text: said(a), has: (n) => n === a };
    }
  });
  return { text: parts.map(({ text }) => text).join(","), has: (n) => parts.some((part) => part.has(n)) };
}

const dateOfDay = (day: number): Date => new Date(day * 86_400_000);
const lastOfMonth = (date: Date): number =>
  new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();

function monthDayField(rand: Rand): { readonly text: string; readonly has: (day: number) => boolean } {
  const kind = rand(12);
  if (kind === 0) return { text: "L", has: (day) => dateOfDay(day).getUTCDate() === lastOfMonth(dateOfDay(day)) };
  if (kind <= 2) {
    const wanted = kind === 1 ? 1 + rand(31) : 0;
    const text = wanted === 0 ? "LW" : `${wanted}W`;
    const has = (day: number): boolean => {
      const date = dateOfDay(day);
      const last = lastOfMonth(date);
      const aim = wanted === 0 ? last : wanted;
      if (aim > last) return false;
      // All working days of the month by their distance; of two that are as near, the Friday for a Saturday.
      const working = Array.from({ length: last }, (_, i) => i + 1).filter((one) => {
        const weekday = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), one)).getUTCDay();
        return weekday !== 0 && weekday !== 6;
      });
      const [nearest] = working.toSorted((a, b) => Math.abs(a - aim) - Math.abs(b - aim) || a - b);
      return date.getUTCDate() === nearest;
    };
    return { text, has };
  }
  const plain = fieldOf(rand, 1, 31, 50);
  return { text: plain.text, has: (day) => plain.has(dateOfDay(day).getUTCDate()) };
}

function weekdayField(rand: Rand): { readonly text: string; readonly has: (day: number) => boolean } {
  const kind = rand(12);
  const wanted = rand(7);
  const said = rand(2) === 0 ? weekdays[wanted] : String(wanted === 0 && rand(2) === 0 ? 7 : wanted);
  if (kind === 0) {
    return {
      text: `${said}L`,
      has: (day) =>
        dateOfDay(day).getUTCDay() === wanted && dateOfDay(day + 7).getUTCMonth() !== dateOfDay(day).getUTCMonth(),
    };
  }
  if (kind === 1) {
    const nth = 1 + rand(5);
    return {
      text: `${said}#${nth}`,
      has: (day) => {
        if (dateOfDay(day).getUTCDay() !== wanted) return false;
        let count = 1;
        while (dateOfDay(day - 7 * count).getUTCMonth() === dateOfDay(day).getUTCMonth()) count += 1;
        return count === nth;
      },
    };
  }
  const plain = fieldOf(rand, 0, 6, 50, weekdays);
  return { text: plain.text, has: (day) => plain.has(dateOfDay(day).getUTCDay()) };
}

/** A schedule of cron, or now and then of a business day, with its meaning. */
export function makeSchedule(rand: Rand, timezone: string): MadeSchedule {
  const rules = {
    timezone,
    ...(rand(3) === 0 ? { onGap: rand(2) === 0 ? ("skip" as const) : ("next" as const) } : {}),
    ...(rand(3) === 0 ? { onOverlap: (["first", "second", "both"] as const)[rand(3)] ?? "first" } : {}),
  };
  const withCalendar = rand(3) === 0;
  const weekend = [...new Set(Array.from({ length: rand(3) }, () => weekdays[rand(7)] ?? "sun"))];
  const holidays = Array.from({ length: rand(30) }, () =>
    new Date(Date.UTC(2020 + rand(20), rand(12), 1 + rand(28))).toISOString().slice(0, 10),
  );
  const off = new Set(holidays);
  const works = (day: number): boolean =>
    !weekend.includes(weekdays[dateOfDay(day).getUTCDay()] ?? "sun") &&
    !off.has(dateOfDay(day).toISOString().slice(0, 10));
  const calendars = { days: { weekend, holidays } };
  if (rand(12) === 0) {
    const n = (1 + rand(21)) * (rand(2) === 0 ? 1 : -1);
    const minute = rand(24) * 60 + rand(60);
    const at = `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
    return {
      schedule: { ...rules, businessDay: n, at, calendar: "days" },
      calendars,
      followsRealTime: false,
      isMinute: (one) => one === minute,
      isDay: remembered((day) => {
        const date = dateOfDay(day);
        const first = day - date.getUTCDate() + 1;
        const working = Array.from({ length: lastOfMonth(date) }, (_, i) => first + i).filter(works);
        return working.at(n > 0 ? n - 1 : n) === day;
      }),
    };
  }
  const minute = fieldOf(rand, 0, 59, 15);
  const hour = fieldOf(rand, 0, 23, 20);
  const monthDay = monthDayField(rand);
  const month = fieldOf(rand, 1, 12, 70, months);
  const weekday = weekdayField(rand);
  const planned = (day: number): boolean =>
    month.has(dateOfDay(day).getUTCMonth() + 1) &&
    (monthDay.text !== "*" && weekday.text !== "*"
      ? monthDay.has(day) || weekday.has(day)
      : monthDay.has(day) && weekday.has(day));
  const onHoliday = (["skip", "next", "previous", "run"] as const)[rand(4)] ?? "skip";
  return {
    schedule: {
      ...rules,
      cron: [[minute, hour, monthDay, month, weekday].map(({ text }) => text).join(" ")],
      ...(withCalendar ? { calendar: "days", onHoliday } : {}),
    },
    calendars: withCalendar ? calendars : {},
    followsRealTime: hour.text.startsWith("*"),
    isMinute: (one) => minute.has(one % 60) && hour.has(Math.floor(one / 60)),
    isDay: remembered((day) => {
      if (!withCalendar || onHoliday === "run") return planned(day);
      if (onHoliday === "skip") return planned(day) && works(day);
      // Each planned day around is moved forward in time or back, and asked whether it came to this one.
      for (let from = day - 40; from <= day + 40; from++) {
        if (!planned(from)) continue;
        let to = from;
        while (!works(to) && Math.abs(to - from) < 60) to += onHoliday === "next" ? 1 : -1;
        if (to === day) return true;
      }
      return false;
    }),
  };
}

function remembered(test: (day: number) => boolean): (day: number) => boolean {
  const known = new Map<number, boolean>();
  return (day) => {
    let answer = known.get(day);
    if (answer === undefined) known.set(day, (answer = test(day)));
    return answer;
  };
}
