// Cron expressions of five fields: minute, hour, day of month, month, day of week.
//  C1. Each field is a list of `*`, a number or name, a range `a-b`, and steps `*/n`, `a-b/n`. Ranges go upwards.
//  C2. Day of month also `L` (the last), `15W` (the working day nearest to the 15th within the month, Monday to Friday) and `LW`.
//      Day of week also `5L` (the last Friday) and `1#2` (the second Monday); 0 and 7 are Sunday.
//  C3. Where both days are given (neither is `*`), either is enough.
//  C4. An hour that begins with `*` follows real time; any other is a time on the clock (ticks.ts, T2).
import { dateOf, daysInMonth, weekdayOf } from "./civil.ts";

export interface Cron {
  readonly firesOn: (epochDay: number) => boolean;
  /** Minutes of the day, ascending. */
  readonly minutes: readonly number[];
  readonly followsRealTime: boolean;
}

/** What is wrong with an expression, and what to do. */
export class CronError extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const monthNames = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const dayNames = "sun mon tue wed thu fri sat".split(" ");
const minuteField: Field = { name: "minute", min: 0, max: 59 };
const hourField: Field = { name: "hour", min: 0, max: 23 };
const monthDayField: Field = { name: "day of month", min: 1, max: 31 };
const monthField: Field = { name: "month", min: 1, max: 12, names: monthNames };
const weekdayField: Field = { name: "day of week", min: 0, max: 7, names: dayNames };

const nicknames: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};

/** @throws CronError where it is none. Whether it ever fires is another question (`neverFires`). */
export function parseCron(text: string): Cron {
  const trimmed = text.trim();
  const known = Object.hasOwn(nicknames, trimmed.toLowerCase()) ? nicknames[trimmed.toLowerCase()] : undefined;
  if (known === undefined && trimmed.startsWith("@")) {
    throw new CronError(`${trimmed} is not known`, `use one of ${Object.keys(nicknames).join(" ")}`);
  }
  const fields = (known ?? trimmed).split(/\s+/);
  const [minute, hour, monthDay, month, weekday] = fields;
  if (
    minute === undefined ||
    hour === undefined ||
    monthDay === undefined ||
    month === undefined ||
    weekday === undefined ||
    fields.length > 5
  ) {
    throw new CronError(
      `${fields.length} fields where five are needed`,
      fields.length === 6
        ? "there is no field of seconds: leave the first one out, or use every"
        : "write minute, hour, day of month, month, day of week: 0 6 * * mon-fri",
    );
  }
  const minutes = [...numbersOf(minute, minuteField)].toSorted((a, b) => a - b);
  const hours = [...numbersOf(hour, hourField)].toSorted((a, b) => a - b);
  const months = numbersOf(month, monthField);
  const inMonth = monthDaysOf(monthDay);
  const inWeek = weekdaysOf(weekday);
  const monthDayGiven = monthDay !== "*";
  const weekdayGiven = weekday !== "*";
  return {
    minutes: hours.flatMap((one) => minutes.map((other) => one * 60 + other)),
    followsRealTime: hour.startsWith("*"),
    firesOn: (epochDay) => {
      const date = dateOf(epochDay);
      if (!months.has(date.month)) return false;
      const last = daysInMonth(date.year, date.month);
      if (!weekdayGiven) return inMonth(date.day, last, epochDay);
      if (!monthDayGiven) return inWeek(date.day, last, epochDay);
      return inMonth(date.day, last, epochDay) || inWeek(date.day, last, epochDay);
    },
  };
}

type InMonth = (day: number, last: number, epochDay: number) => boolean;

const anyOf =
  (tests: readonly InMonth[]): InMonth =>
  (day, last, epochDay) =>
    tests.some((test) => test(day, last, epochDay));

/** A set of plain numbers, and one test for each part that is more than that. */
function split(text: string, field: Field, special: (part: string) => InMonth | undefined): [Set<number>, InMonth[]] {
  const numbers = new Set<number>();
  const tests: InMonth[] = [];
  for (const part of text.split(",")) {
    const test = special(part.toUpperCase());
    if (test === undefined) for (const number of numbersOf(part, field)) numbers.add(number);
    else tests.push(test);
  }
  return [numbers, tests];
}

function monthDaysOf(text: string): InMonth {
  const [days, tests] = split(text, monthDayField, (part) => {
    if (part === "L") return (day, last) => day === last;
    if (part === "LW") return (day, last, epochDay) => day === nearestWorkingDay(last, last, epochDay - day);
    const [, digits] = /^(\d+)W$/.exec(part) ?? [];
    if (digits === undefined) return undefined;
    const wanted = inRange(digits, monthDayField);
    return (day, last, epochDay) => wanted <= last && day === nearestWorkingDay(wanted, last, epochDay - day);
  });
  return tests.length === 0 ? (day) => days.has(day) : anyOf([(day) => days.has(day), ...tests]);
}

/** The day from Monday to Friday that is nearest to one of a month, within that month. `before`: epoch day of its day 0. */
function nearestWorkingDay(wanted: number, last: number, before: number): number {
  const weekday = weekdayOf(before + wanted);
  if (weekday === 6) return wanted === 1 ? 3 : wanted - 1;
  if (weekday === 0) return wanted === last ? wanted - 2 : wanted + 1;
  return wanted;
}

function weekdaysOf(text: string): InMonth {
  const [days, tests] = split(text, weekdayField, (part) => {
    const [, name = "", nth = ""] = /^([^#L-]+)(#[1-5]|#?L)$/.exec(part) ?? [];
    if (nth === "") return undefined;
    const wanted = inRange(name, weekdayField) % 7;
    if (nth.endsWith("L")) return (day, last, epochDay) => weekdayOf(epochDay) === wanted && day + 7 > last;
    const week = Number(nth.slice(1));
    return (day, _, epochDay) => weekdayOf(epochDay) === wanted && Math.ceil(day / 7) === week;
  });
  if (days.delete(7)) days.add(0);
  const isPlain: InMonth = (_, __, epochDay) => days.has(weekdayOf(epochDay));
  return tests.length === 0 ? isPlain : anyOf([isPlain, ...tests]);
}

/** The numbers of a list of `*`, numbers, names, ranges and steps. */
function numbersOf(text: string, field: Field): Set<number> {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const [range = "", step, ...more] = part.split("/");
    const every = step === undefined ? 1 : Number(step);
    if (more.length > 0 || (step !== undefined && (!/^\d{1,4}$/.test(step) || every < 1))) {
      throw new CronError(`${part} is no step in the ${field.name}`, "write */15 or 8-18/2");
    }
    const [low, high] = boundsOf(range, field);
    if (step !== undefined && range !== "*" && !range.includes("-")) {
      throw new CronError(
        `${part} in the ${field.name} could mean two things`,
        `write ${range}-${field.max}/${step} for every ${step} from ${range} on`,
      );
    }
    for (let number = low; number <= high; number += every) found.add(number);
  }
  return found;
}

function boundsOf(range: string, field: Field): readonly [number, number] {
  if (range === "*") return [field.min, field.names === dayNames ? 6 : field.max];
  const [first = "", second, ...more] = range.split("-");
  if (more.length > 0) throw new CronError(`${range} is no range in the ${field.name}`, "write 1-5");
  const low = inRange(first, field);
  if (second === undefined) return [low, low];
  const high = inRange(second, field);
  // `fri-sun`: Sunday is also the end of the week.
  if (high === 0 && field.names === dayNames && low > 0) return [low, 7];
  if (high < low) {
    throw new CronError(
      `${range} in the ${field.name} goes downwards`,
      `write ${first}-${field.names?.at(-1) ?? field.max},${field.names?.[0] ?? field.min}-${second}`,
    );
  }
  return [low, high];
}

function inRange(text: string, field: Field): number {
  const named = field.names?.indexOf(text.toLowerCase()) ?? -1;
  const number =
    named >= 0 ? named + (field.names === monthNames ? 1 : 0) : /^\d{1,4}$/.test(text) ? Number(text) : NaN;
  if (number >= field.min && number <= field.max) return number;
  const what = text === "" ? "nothing" : text;
  throw new CronError(
    `${what} is no ${field.name}`,
    `it is ${field.min} to ${field.max}${field.names === undefined ? "" : ` or ${field.names[0] ?? ""}-${field.names.at(-1) ?? ""}`}`,
  );
}
