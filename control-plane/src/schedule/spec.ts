// What the ticks of a stored schedule come from: a part of its version, kept as text beside the next tick.
import {
  canonicalJson,
  schedulesOf,
  ticksOf,
  type CanonicalCalendar,
  type CanonicalSchedule,
  type CanonicalWorkflow,
  type JsonObject,
  type Ticks,
} from "@capstan/proto";
import { dueOf } from "../engine/schedule.ts";

export interface ScheduleSpec {
  readonly schedule: CanonicalSchedule;
  /** The one that it names. */
  readonly calendars: Readonly<Record<string, CanonicalCalendar>>;
  readonly enabled: boolean;
}

export interface NewSchedule {
  readonly trigger: string;
  readonly spec: string;
  /** Undefined where none will come, or it is not enabled. */
  readonly nextAfter: (nowMs: number) => { readonly tickMs: number; readonly dueMs: number } | undefined;
}

const readMax = 10_000;
const read = new Map<string, { readonly spec: ScheduleSpec; readonly ticks: Ticks }>();

/** The schedule behind a stored text. Equal texts are read once. */
export function readSpec(text: string): { readonly spec: ScheduleSpec; readonly ticks: Ticks } {
  let known = read.get(text);
  if (known === undefined) {
    const spec = JSON.parse(text) as ScheduleSpec; // written by `newSchedules`
    known = { spec, ticks: ticksOf(spec.schedule, spec.calendars) };
    if (read.size >= readMax) read.clear();
    read.set(text, known);
  }
  return known;
}

/** The schedules of a version, as their rows want them. */
export function newSchedules(document: CanonicalWorkflow): readonly NewSchedule[] {
  return schedulesOf(document).map(({ id, schedule, enabled = true }): NewSchedule => {
    const { calendar } = schedule;
    const used = calendar === undefined ? undefined : document.calendars?.[calendar];
    const spec: ScheduleSpec = {
      schedule,
      calendars: calendar === undefined || used === undefined ? {} : { [calendar]: used },
      enabled,
    };
    return {
      trigger: id,
      spec: canonicalJson(spec as unknown as JsonObject), // JSON, by its parts
      nextAfter: (nowMs) => {
        const tickMs = enabled ? ticksOf(schedule, spec.calendars).next(nowMs) : undefined;
        if (tickMs === undefined) return undefined;
        return { tickMs, dueMs: dueOf(scheduleName(document.name, id), schedule, tickMs) };
      },
    };
  });
}

export const scheduleName = (workflow: string, trigger: string): string => `${workflow}.${trigger}`;
