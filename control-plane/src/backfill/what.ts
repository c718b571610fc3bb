// What a request for a backfill is about: its range with the ticks in it, or its values.
import {
  AppError,
  backfillRunsMax,
  instantOf,
  isTimeZone,
  parseDuration,
  schedulesOf,
  ticksOf,
  type CanonicalWorkflow,
  type JsonObject,
  type Problem,
  type StartBackfillBody,
  type Ticks,
} from "@capstan/proto";
import { countOf, placesOf, type BackfillWhat } from "../engine/backfill.ts";
import { scheduleTrigger } from "../schedule/tick-inputs.ts";

export interface AskedWhat {
  readonly what: BackfillWhat;
  /** Inputs of each value. */
  readonly items: readonly JsonObject[] | undefined;
}

interface Edition {
  readonly name: string;
  readonly document: CanonicalWorkflow;
}

const everyMsMin = 1_000;
/** Ticks that are counted before others get their turn. */
const countedAtOnce = 2_000;

const refuse = (field: string, detail: string): AppError => {
  const problem: Problem = { code: "bad_value", pointer: `/${field}`, detail };
  return new AppError("malformed", `${field}: ${detail}`, { problems: [problem] });
};

/** @throws malformed where a time, a duration, a zone or a schedule is not what it should be */
export function whatOf({ name, document }: Edition, body: StartBackfillBody, nowMs: number): AskedWhat {
  const { from, to, every, values } = body;
  if (from === undefined || to === undefined) {
    const items = (values ?? []) as readonly JsonObject[]; // JSON, by its schema
    for (const field of ["schedule", "every", "timezone", "skipExisting"] as const)
      if (body[field] !== undefined) throw refuse(field, "it is for a range of time, not for values");
    return { what: { kind: "values", count: items.length }, items };
  }
  const schedule = every === undefined ? theSchedule({ name, document }, body.schedule) : undefined;
  if (every !== undefined && body.schedule !== undefined)
    throw refuse("schedule", "the ticks come from it or from `every`; give one of both");
  const timezone = body.timezone ?? schedule?.timezone ?? "UTC";
  if (!isTimeZone(timezone)) throw refuse("timezone", `there is no time zone ${timezone}`);
  const fromMs = time("from", from, timezone);
  const toMs = time("to", to, timezone);
  if (toMs <= fromMs) throw refuse("to", "it must be later than from");
  if (toMs > nowMs)
    throw refuse("to", "it lies ahead; what is to come is for schedules, a backfill is for what has been");
  if (every === undefined)
    return { what: { kind: "ticks", trigger: schedule?.id ?? "", fromMs, toMs }, items: undefined };
  const everyMs = parseDuration(every);
  if (everyMs === undefined || everyMs < everyMsMin)
    throw refuse("every", `a duration of a second or more is needed, such as 1d, got ${every}`);
  return { what: { kind: "every", everyMs, fromMs, toMs }, items: undefined };
}

function time(field: "from" | "to", text: string, timezone: string): number {
  const ms = instantOf(text, timezone);
  if (ms === undefined)
    throw refuse(
      field,
      `a date or a time with a zone is needed, such as 2026-05-01 or 2026-05-01T06:00:00Z, got ${text}`,
    );
  return ms;
}

function theSchedule(
  { name, document }: Edition,
  asked: string | undefined,
): { readonly id: string; readonly timezone: string | undefined } {
  const all = schedulesOf(document);
  const names = all.map(({ id }) => id).join(", ");
  const found = asked === undefined ? all[0] : all.find(({ id }) => id === asked);
  if (all.length === 0) throw refuse("every", `${name} has no schedule; say how far apart its runs are, such as 1d`);
  if (found === undefined) throw refuse("schedule", `${name} has no schedule ${asked}; there is ${names}`);
  if (asked === undefined && all.length > 1) throw refuse("schedule", `${name} has several: say which, ${names}`);
  return { id: found.id, timezone: found.schedule.timezone };
}

/** Ticks of the schedule, where it is about those. */
export function ticksFor({ document }: Pick<Edition, "document">, what: BackfillWhat): Ticks | undefined {
  const trigger = what.kind === "ticks" ? scheduleTrigger(document, what.trigger) : undefined;
  return trigger === undefined ? undefined : ticksOf(trigger.schedule, document.calendars);
}

/** How many runs it is. Others get their turn while ticks are counted. @throws limit_exceeded */
export async function countTicks(edition: Edition, { what }: AskedWhat): Promise<number> {
  const known = countOf(what);
  if (known !== undefined) {
    if (known > backfillRunsMax) throw tooMany(edition.name, known.toLocaleString("en"));
    return known;
  }
  const ticks = ticksFor(edition, what);
  let count = 0;
  let after: number | undefined;
  for (;;) {
    const places = placesOf(what, ticks, { after, newestFirst: false, max: countedAtOnce });
    count += places.length;
    if (count > backfillRunsMax) throw tooMany(edition.name, `more than ${backfillRunsMax.toLocaleString("en")}`);
    if (places.length < countedAtOnce) return count;
    after = places.at(-1)?.at;
    await new Promise(setImmediate);
  }
}

const tooMany = (workflow: string, count: string): AppError =>
  new AppError(
    "limit_exceeded",
    `That would be ${count} runs of ${workflow}; a backfill makes at most ${backfillRunsMax.toLocaleString("en")}. Take a shorter range, or ticks that are further apart.`,
    { evidence: { max: backfillRunsMax } },
  );
