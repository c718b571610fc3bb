// Triggers of a document in canonical form, and what their schedules are.
import { parseDuration } from "../duration.ts";
import { bareExpression, normalizedExpression } from "../expression/template.ts";
import type { CanonicalCalendar } from "../schedule/calendar.ts";
import type { CanonicalSchedule } from "../schedule/ticks.ts";
import type { CanonicalWorkflow, DynamicJson, DynamicText, Expr } from "./canonical.ts";
import { dynamicJson, dynamicText, mapped, optional, present } from "./present.ts";
import type { WorkflowSource } from "./schema.ts";

/** What asks for a run by itself: when, whether, and with which inputs and labels. */
export interface CanonicalTrigger {
  readonly id?: string;
  readonly schedule?: CanonicalSchedule;
  readonly inputs?: Readonly<Record<string, DynamicJson>>;
  readonly if?: Expr;
  readonly labels?: Readonly<Record<string, DynamicText>>;
  readonly enabled?: boolean;
}

/** A trigger that fires by the clock, with its name within the workflow. */
export interface ScheduleTrigger extends CanonicalTrigger {
  readonly id: string;
  readonly schedule: CanonicalSchedule;
}

export type TriggerSource = NonNullable<WorkflowSource["triggers"]>[number];
type ScheduleSource = NonNullable<TriggerSource["schedule"]>;

const ms = (text: string): number => parseDuration(text) ?? 0;

/** The name of a trigger: its id, or its kind where that is the only one. */
const triggerName = ({ id, schedule }: Pick<CanonicalTrigger, "id" | "schedule">): string =>
  id ?? (schedule === undefined ? "trigger" : "schedule");

/** The schedules of a document, each with its name. */
export const schedulesOf = ({ triggers = [] }: Pick<CanonicalWorkflow, "triggers">): readonly ScheduleTrigger[] =>
  triggers.flatMap((trigger) =>
    trigger.schedule === undefined ? [] : [{ ...trigger, id: triggerName(trigger), schedule: trigger.schedule }],
  );

function scheduleOf({ cron, every, catchupWindow, jitter, ...rest }: ScheduleSource): CanonicalSchedule {
  const written = typeof cron === "string" ? [cron] : cron;
  return present({
    ...rest,
    cron: written?.map((text) => text.trim().replaceAll(/\s+/g, " ")),
    everyMs: optional(every, ms),
    catchupWindowMs: optional(catchupWindow, ms),
    jitterMs: optional(jitter, ms),
  }) as CanonicalSchedule; // every key of the canonical schedule, from the same key of the source
}

/** No trigger at all is the same as an empty list. */
export const triggersOf = (source: readonly TriggerSource[]): readonly CanonicalTrigger[] | undefined =>
  source.length === 0
    ? undefined
    : source.map(
        (trigger) =>
          present({
            id: trigger.id,
            schedule: optional(trigger.schedule, scheduleOf),
            inputs: optional(trigger.inputs, (map) => mapped(map, dynamicJson)),
            if: optional(trigger.if, (text): Expr => ({ $expr: normalizedExpression(bareExpression(text).source) })),
            labels: optional(trigger.labels, (map) => mapped(map, dynamicText)),
            enabled: trigger.enabled,
          }) as CanonicalTrigger, // as above
      );

export const calendarsOf = (
  source: NonNullable<WorkflowSource["calendars"]>,
): Readonly<Record<string, CanonicalCalendar>> =>
  mapped(source, ({ weekend, holidays }) => present({ weekend, holidays }) as CanonicalCalendar); // as above
