// Triggers: one kind each, ids that tell them apart, and schedules that can be kept.
import { guess } from "../expression/nearest.ts";
import { parseDate } from "../schedule/civil.ts";
import { CronError, parseCron } from "../schedule/cron.ts";
import { neverFires, ticksOf, type CanonicalSchedule } from "../schedule/ticks.ts";
import { isTimeZone } from "../schedule/zone.ts";
import { parseTime } from "../time.ts";
import type { CanonicalWorkflow } from "./canonical.ts";
import type { ProblemList } from "./problems.ts";
import type { WorkflowSource } from "./schema.ts";
import { isNetwork } from "./network.ts";
import type { TriggerSource } from "./triggers.ts";
import { schemesOf } from "./webhook.ts";

type Path = readonly (string | number)[];

const kinds = ["schedule", "webhook", "event", "workflow", "asset"] as const;
const times = ["cron", "every", "dates", "businessDay"] as const;
const timeOfDay = /^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/;
const workingDaysMax = 23;

export function checkTriggers(source: WorkflowSource, document: CanonicalWorkflow, problems: ProblemList): void {
  checkCalendars(source, problems);
  const triggers = source.triggers ?? [];
  for (const [index, trigger] of triggers.entries()) checkTrigger(trigger, ["triggers", index], source, problems);
  checkIds(triggers, problems);
  for (const [index, { schedule }] of (document.triggers ?? []).entries())
    if (schedule !== undefined) checkTimes(schedule, ["triggers", index, "schedule"], document, problems);
}

function checkTrigger(trigger: TriggerSource, path: Path, source: WorkflowSource, problems: ProblemList): void {
  const given = kinds.filter((kind) => trigger[kind] !== undefined);
  const [first, second] = given;
  if (first === undefined) {
    const hint = `give it one of ${kinds.join(", ")}`;
    problems.add({ code: "missing_key", detail: "a trigger that says nothing to wait for", hint, path });
  } else if (second !== undefined) {
    problems.add({
      code: "bad_value",
      detail: `a trigger has one kind, not ${given.join(" and ")}`,
      hint: "write a trigger for each",
      path: [...path, second],
      atKey: true,
    });
  }
  checkEvent(trigger, path, problems);
  checkWebhook(trigger, path, problems);
  for (const name of Object.keys(trigger.inputs ?? {})) {
    if (Object.hasOwn(source.inputs ?? {}, name)) continue;
    problems.add({
      code: "unknown_name",
      detail: `${name} is not an input`,
      hint: guess(name, Object.keys(source.inputs ?? {})),
      path: [...path, "inputs", name],
      atKey: true,
    });
  }
}

const eventType = /^[!-)+-~]+(?:\.\*)?$/;

function checkEvent({ event }: TriggerSource, path: Path, problems: ProblemList): void {
  if (event === undefined || eventType.test(event.type)) return;
  problems.add({
    code: "bad_value",
    detail: `${JSON.stringify(event.type)} is no type of events`,
    hint: "write order.paid, or order.* for all that begin with order.",
    path: [...path, "event", "type"],
  });
}

function checkWebhook({ webhook, id }: TriggerSource, path: Path, problems: ProblemList): void {
  if (webhook === undefined) return;
  if (id === undefined)
    problems.add({
      code: "id_required",
      detail: "a webhook needs an id: it stands in its address",
      hint: "id: push",
      path,
    });
  const schemes = schemesOf(webhook.verify);
  const verify = [...path, "webhook", "verify"];
  if (schemes.length !== 1) {
    const given = schemes.length === 0 ? "none of them is given" : schemes.join(" and ");
    const hint = "verify: github, or { hmac: { header: X-Signature } }";
    problems.add({ code: "bad_value", detail: `a webhook is verified in one way: ${given}`, hint, path: verify });
  }
  const ip = typeof webhook.verify === "object" ? webhook.verify.ip : undefined;
  if (schemes.includes("none") && ip === undefined) {
    const detail = "a webhook that nobody signs needs the networks that it comes from";
    problems.add({ code: "missing_key", detail, hint: 'ip: ["203.0.113.0/24"]', path: verify });
  }
  for (const [index, network] of (ip ?? []).entries()) {
    if (isNetwork(network)) continue;
    const detail = `${JSON.stringify(network)} is no network`;
    problems.add({ code: "bad_value", detail, hint: 'write "203.0.113.0/24"', path: [...verify, "ip", index] });
  }
}

/** The id is what a schedule is known by from one version to the next. */
function checkIds(triggers: readonly TriggerSource[], problems: ProblemList): void {
  const seen = new Set<string>();
  for (const [index, trigger] of triggers.entries()) {
    const kind = kinds.find((one) => trigger[one] !== undefined);
    if (kind === undefined) continue;
    if (trigger.id === undefined && triggers.filter((other) => other[kind] !== undefined).length > 1) {
      problems.add({
        code: "id_required",
        detail: `there is more than one ${kind}, so each needs an id`,
        hint: `id: ${kind}_${index + 1}`,
        path: ["triggers", index],
      });
      continue;
    }
    const name = trigger.id ?? kind;
    if (seen.has(name)) {
      const detail = `two triggers are called ${name}`;
      problems.add({ code: "bad_value", detail, hint: "give one another id", path: ["triggers", index] });
    }
    seen.add(name);
  }
}

function checkCalendars(source: WorkflowSource, problems: ProblemList): void {
  for (const [name, calendar] of Object.entries(source.calendars ?? {})) {
    for (const [index, holiday] of (calendar.holidays ?? []).entries()) {
      if (parseDate(holiday) !== undefined) continue;
      problems.add({
        code: "bad_value",
        detail: `${JSON.stringify(holiday)} is no date`,
        hint: 'write "2026-12-25"',
        path: ["calendars", name, "holidays", index],
      });
    }
  }
}

function checkTimes(schedule: CanonicalSchedule, path: Path, document: CanonicalWorkflow, problems: ProblemList): void {
  const found: boolean[] = [];
  const add = (code: string, detail: string, key: Path, hint?: string): void => {
    found.push(true);
    problems.add({
      code,
      detail,
      hint,
      path: [...path, ...key],
      ...(code === "not_applicable" ? { atKey: true } : {}),
    });
  };
  const given = times.filter((key) => schedule[key === "every" ? "everyMs" : key] !== undefined);
  const [time, second] = given;
  if (time === undefined)
    return add("missing_key", "a schedule without a time", [], `give it one of ${times.join(", ")}`);
  if (second !== undefined) return add("bad_value", `a schedule has one of ${given.join(" and ")}`, [second]);
  const { timezone, calendar, at, businessDay, from, to } = schedule;
  if (timezone !== undefined && !isTimeZone(timezone)) {
    const near = guess(timezone, Intl.supportedValuesOf("timeZone"));
    add(
      "bad_value",
      `${JSON.stringify(timezone)} is not a time zone`,
      ["timezone"],
      near ?? "write a name of the IANA database, such as Europe/Berlin",
    );
  }
  for (const [index, text] of (schedule.cron ?? []).entries()) checkCron(text, index, schedule, add);
  for (const [index, text] of (schedule.dates ?? []).entries()) {
    if (parseTime(text) === undefined)
      add(
        "bad_value",
        `${JSON.stringify(text)} is no time with a zone`,
        ["dates", index],
        "write 2027-01-05T10:00:00+01:00",
      );
  }
  if (time === "businessDay" && at === undefined)
    add("missing_key", "businessDay needs a time of day", [], 'at: "18:00"');
  if (at !== undefined && time !== "businessDay") add("not_applicable", "at belongs to businessDay", ["at"]);
  else if (at !== undefined && !timeOfDay.test(at))
    add("bad_value", `at is a time of day such as "18:00", not ${JSON.stringify(at)}`, ["at"]);
  if (businessDay !== undefined && (businessDay === 0 || Math.abs(businessDay) > workingDaysMax)) {
    const hint = "1 is the first working day of the month, -1 the last";
    add(
      "bad_value",
      `businessDay is 1 to ${workingDaysMax} or -1 to -${workingDaysMax}, not ${businessDay}`,
      ["businessDay"],
      hint,
    );
  }
  if (calendar !== undefined && !Object.hasOwn(document.calendars ?? {}, calendar)) {
    const near = guess(calendar, Object.keys(document.calendars ?? {}));
    add("unknown_calendar", `${calendar} is not among the calendars of this workflow`, ["calendar"], near);
  }
  if (calendar !== undefined && (time === "every" || time === "dates"))
    add("not_applicable", `a calendar moves times of day; ${time} has none`, ["calendar"]);
  if (schedule.onHoliday !== undefined && (calendar === undefined || time !== "cron"))
    add("not_applicable", "onHoliday is for cron with a calendar", ["onHoliday"]);
  for (const key of ["catchupMax", "catchupWindowMs"] as const) {
    if (schedule[key] !== undefined && schedule.catchup !== "all")
      add("not_applicable", `${key.replace("Ms", "")} is for catchup: all`, [key.replace("Ms", "")]);
  }
  for (const [key, text] of [
    ["from", from],
    ["to", to],
  ] as const) {
    if (text !== undefined && parseDate(text) === undefined && parseTime(text) === undefined)
      add("bad_value", `${JSON.stringify(text)} is no date and no time with a zone`, [key], 'write "2026-12-25"');
  }
  if (found.length > 0) return;
  const ticks = ticksOf(schedule, document.calendars);
  const bounded = from !== undefined || to !== undefined;
  if (time === "dates" || !(bounded ? ticks.next(0) === undefined : neverFires(ticks))) return;
  add("bad_value", `${shown(schedule)} never comes${bounded ? " between from and to" : ""}`, [time]);
}

const shown = ({ cron, businessDay }: CanonicalSchedule): string =>
  cron === undefined ? (businessDay === undefined ? "it" : `working day ${businessDay}`) : `"${cron.join('", "')}"`;

function checkCron(
  text: string,
  index: number,
  schedule: CanonicalSchedule,
  add: (code: string, detail: string, key: Path, hint?: string) => void,
): void {
  const key = schedule.cron?.length === 1 ? ["cron"] : ["cron", index];
  try {
    parseCron(text);
    // One of a list that never comes is a mistake even where the others do.
    if (neverFires(ticksOf({ cron: [text] }))) add("bad_value", `"${text}" never comes`, key, "no month has that day");
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    add("bad_value", `"${text}" is no cron expression: ${error.message}`, key, error.hint);
  }
}
