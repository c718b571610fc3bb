// Business calendars: which days are worked, and what becomes of a tick on one that is not.
import { dateOf, daysInMonth, parseDate, weekdayOf } from "./civil.ts";

export const weekdayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
export type WeekdayName = (typeof weekdayNames)[number];

/** A named calendar of a document. */
export interface CanonicalCalendar {
  /** Saturday and Sunday, unless said. */
  readonly weekend?: readonly WeekdayName[];
  /** `2026-12-25`. */
  readonly holidays?: readonly string[];
}

export type OnHoliday = "skip" | "next" | "previous" | "run";
/** Whether something falls on a day. */
export type DayTest = (epochDay: number) => boolean;

/** No calendar has more days off in a row; it ends the search where a year has none at all. */
const daysOffMax = 366;

export function workingDays(calendar: CanonicalCalendar = {}): DayTest {
  const weekend = new Set((calendar.weekend ?? ["sat", "sun"]).map((name) => weekdayNames.indexOf(name)));
  const holidays = new Set((calendar.holidays ?? []).map(parseDate));
  return (epochDay) => !weekend.has(weekdayOf(epochDay)) && !holidays.has(epochDay);
}

/** Days on which something fires that is planned for the days of `planned`, moved or left out where they are off. */
export function movedDays(planned: DayTest, works: DayTest, onHoliday: OnHoliday): DayTest {
  if (onHoliday === "run") return planned;
  if (onHoliday === "skip") return (day) => planned(day) && works(day);
  const back = onHoliday === "next" ? -1 : 1;
  return (day) => {
    if (!works(day)) return false;
    if (planned(day)) return true;
    for (let off = 1; off <= daysOffMax && !works(day + back * off); off++) if (planned(day + back * off)) return true;
    return false;
  };
}

/** The n-th working day of each month, from its end where n is negative. A month that has fewer has none. */
export function nthWorkingDay(n: number, works: DayTest): DayTest {
  return (epochDay) => {
    if (!works(epochDay)) return false;
    const { year, month, day } = dateOf(epochDay);
    const [from, to] = n > 0 ? [epochDay - day + 1, epochDay] : [epochDay, epochDay - day + daysInMonth(year, month)];
    let count = 0;
    for (let one = from; one <= to; one++) if (works(one)) count += 1;
    return count === Math.abs(n);
  };
}
