// Triggers of a document in canonical form, and what their schedules are.
import { parseDuration } from "../duration.ts";
import { bareExpression, normalizedExpression } from "../expression/template.ts";
import type { CanonicalCalendar } from "../schedule/calendar.ts";
import type { CanonicalSchedule } from "../schedule/ticks.ts";
import type { CanonicalWorkflow, DynamicJson, DynamicText, Expr } from "./canonical.ts";
import { dynamicJson, dynamicText, mapped, optional, present } from "./present.ts";
import { webhookOf, type CanonicalWebhook } from "./webhook.ts";
import type { WorkflowSource } from "./schema.ts";

/** An event of this type; `order.*` is every type that begins with `order.`. */
export interface CanonicalEventTrigger {
  readonly type: string;
}

/** The end of a run of another workflow. */
export interface CanonicalWorkflowTrigger {
  readonly name: string;
  /** As it ended; `succeeded` where nothing is said. */
  readonly outcome?: readonly ("succeeded" | "failed" | "cancelled" | "timed_out")[];
}

/** What asks for a run by itself: when, whether, and with which inputs and labels. */
export interface CanonicalTrigger {
  readonly id?: string;
  readonly schedule?: CanonicalSchedule;
  readonly event?: CanonicalEventTrigger;
  readonly workflow?: CanonicalWorkflowTrigger;
  readonly webhook?: CanonicalWebhook;
  readonly inputs?: Readonly<Record<string, DynamicJson>>;
  readonly if?: Expr;
  readonly labels?: Readonly<Record<string, DynamicText>>;
  readonly enabled?: boolean;
}

/** One that something else than the clock fires, with its name within the workflow. */
export interface ListeningTrigger extends CanonicalTrigger {
  readonly id: string;
  readonly kind: ListeningKind;
}
export type ListeningKind = "event" | "workflow" | "webhook";

/** A trigger that fires by the clock, with its name within the workflow. */
export interface ScheduleTrigger extends CanonicalTrigger {
  readonly id: string;
  readonly schedule: CanonicalSchedule;
}

export type TriggerSource = NonNullable<WorkflowSource["triggers"]>[number];
type ScheduleSource = NonNullable<TriggerSource["schedule"]>;

const ms = (text: string): number => parseDuration(text) ?? 0;

/** The name of a trigger: its id, or its kind where that is the only one. */
const triggerName = (trigger: CanonicalTrigger): string => trigger.id ?? kindOf(trigger) ?? "trigger";

const triggerKinds = ["schedule", "event", "workflow", "webhook"] as const;
const kindOf = (trigger: CanonicalTrigger): (typeof triggerKinds)[number] | undefined =>
  triggerKinds.find((kind) => trigger[kind] !== undefined);

/** The schedules of a document, each with its name. */
export const schedulesOf = ({ triggers = [] }: Pick<CanonicalWorkflow, "triggers">): readonly ScheduleTrigger[] =>
  triggers.flatMap((trigger) =>
    trigger.schedule === undefined ? [] : [{ ...trigger, id: triggerName(trigger), schedule: trigger.schedule }],
  );

/** The triggers of a document that wait for something to happen, each with its name. */
export const listenersOf = ({ triggers = [] }: Pick<CanonicalWorkflow, "triggers">): readonly ListeningTrigger[] =>
  triggers.flatMap((trigger) => {
    const kind = kindOf(trigger);
    return kind === undefined || kind === "schedule" ? [] : [{ ...trigger, kind, id: triggerName(trigger) }];
  });

/** Where the expressions of a trigger stand: what they see differs by its kind. */
export const placeOfTrigger = (
  trigger: Readonly<Partial<Record<"event" | "workflow" | "webhook", unknown>>>,
): "trigger" | "eventTrigger" | "workflowTrigger" | "webhookTrigger" =>
  trigger.event !== undefined
    ? "eventTrigger"
    : trigger.workflow !== undefined
      ? "workflowTrigger"
      : trigger.webhook !== undefined
        ? "webhookTrigger"
        : "trigger";

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

const workflowOf = ({ name, outcome }: NonNullable<TriggerSource["workflow"]>): CanonicalWorkflowTrigger =>
  // In one order and each once, so that the same wish has the same digest.
  present({ name, outcome: outcome === undefined ? undefined : [...new Set(outcome)].toSorted() });

/** No trigger at all is the same as an empty list. */
export const triggersOf = (source: readonly TriggerSource[]): readonly CanonicalTrigger[] | undefined =>
  source.length === 0
    ? undefined
    : source.map(
        (trigger) =>
          present({
            id: trigger.id,
            schedule: optional(trigger.schedule, scheduleOf),
            event: optional(trigger.event, ({ type }): CanonicalEventTrigger => ({ type })),
            workflow: optional(trigger.workflow, workflowOf),
            webhook: optional(trigger.webhook, webhookOf),
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
