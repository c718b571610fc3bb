// `wait`: for a time, until a time, or for an event (docs/language.md, "Waiting").
//  A1. An event counts from the moment the run was created: what came before the task began is looked for once, by the
//      timer `event:look`; what comes later is told to it, one row each. Both may bring the same event; the first counts.
import {
  AppError,
  evaluateCondition,
  evaluateText,
  formatTime,
  parseDuration,
  parseTime,
  scopeFor,
  type JsonObject,
  type JsonValue,
  type WaitAction,
} from "@capstan/proto";
import { controlContext } from "./context.ts";
import type { Draft } from "./draft.ts";
import type { TimerKind } from "./event.ts";
import type { Suspension } from "./snapshot.ts";
import type { Verdict } from "./verdict.ts";

/** What a timer row of a wait for events is found by. */
export const awaitsEvent = (type: string): string => `event:${type}`;

export function beginWait(draft: Draft, position: number, wait: WaitAction): Verdict {
  if (wait.event !== undefined) return beginEvent(draft, position, wait.event);
  const untilMs = timeOf(draft, position, wait);
  if (untilMs <= draft.around.nowMs) return { kind: "succeeded", outputs: {} };
  return {
    kind: "suspend",
    suspension: { kind: "time", untilMs },
    reason: { code: "waiting_time", evidence: { until: formatTime(untilMs) } },
    dueMs: untilMs,
  };
}

export function wakeWait(
  draft: Draft,
  position: number,
  wait: WaitAction,
  suspension: Suspension,
  timer: TimerKind,
  body: JsonObject | undefined,
): Verdict {
  if (timer === "suspended") {
    // It was due by the database's clock, which decides; ours is not compared with it.
    if (suspension.kind === "time") return { kind: "succeeded", outputs: {} };
    if (suspension.kind !== "event") return { kind: "nothing" };
    if (wait.event?.onTimeout === "continue") return { kind: "succeeded", outputs: eventOutputs(draft, null) };
    const message = `no event ${suspension.type} came in time`;
    return { kind: "failed", failure: { class: "wait", code: "wait_timeout", message } };
  }
  if (!timer.startsWith("event:") || suspension.kind !== "event" || wait.event === undefined)
    return { kind: "nothing" };
  for (const event of eventsOf(body)) {
    if (!matches(draft, position, wait.event, event)) continue;
    return { kind: "succeeded", outputs: eventOutputs(draft, event) };
  }
  // There were more than one look takes: go on behind the last.
  const afterSeq = body?.["afterSeq"];
  if (typeof afterSeq === "number")
    draft.setTimer(position, "event:look", draft.around.nowMs, lookBody(draft, suspension.type, afterSeq));
  return { kind: "nothing" };
}

/** Ends the waiting by hand. */
export const skippedWait = (draft: Draft, wait: WaitAction): JsonObject =>
  wait.event === undefined ? {} : eventOutputs(draft, null);

function timeOf(draft: Draft, position: number, wait: WaitAction): number {
  if (wait.forMs !== undefined) return draft.around.nowMs + wait.forMs;
  const options = { scope: scopeFor(draft.run.plan.document, draft.planTask(position).key, "control") };
  const context = controlContext(draft, position);
  if (wait.for !== undefined) {
    const value = evaluateText(wait.for, context, options);
    const ms = typeof value === "string" ? parseDuration(value) : undefined;
    if (ms === undefined) throw wrong("for", value, "a duration such as 90s or 1h30m");
    return draft.around.nowMs + ms;
  }
  const value = wait.until === undefined ? null : evaluateText(wait.until, context, options);
  const at = typeof value === "string" ? parseTime(value) : undefined;
  if (at === undefined) throw wrong("until", value, "a time with a zone, such as 2027-01-05T10:00:00Z");
  return at;
}

const wrong = (field: string, value: JsonValue, wanted: string): AppError =>
  new AppError("expression_failed", `wait.${field} needs ${wanted}, got ${JSON.stringify(value).slice(0, 100)}`);

function beginEvent(draft: Draft, position: number, event: NonNullable<WaitAction["event"]>): Verdict {
  const options = { scope: scopeFor(draft.run.plan.document, draft.planTask(position).key, "control") };
  const type = evaluateText(event.type, controlContext(draft, position), options);
  if (typeof type !== "string" || type === "") throw wrong("event.type", type, "text");
  const untilMs = event.timeoutMs === undefined ? undefined : draft.around.nowMs + event.timeoutMs;
  draft.setTimer(position, "event:look", draft.around.nowMs, lookBody(draft, type, 0));
  return {
    kind: "suspend",
    suspension: { kind: "event", type, ...(untilMs === undefined ? {} : { untilMs }) },
    reason: {
      code: "waiting_event",
      evidence: {
        event: type,
        ...(event.if === undefined ? {} : { filter: event.if.$expr }),
        ...(untilMs === undefined ? {} : { until: formatTime(untilMs) }),
      },
    },
    dueMs: untilMs,
    awaits: awaitsEvent(type),
  };
}

const lookBody = (draft: Draft, type: string, afterSeq: number): { readonly body: JsonObject } => ({
  body: { type, sinceMs: draft.run.createdMs, afterSeq },
});

/** `events` of a look, or the one `event` that was told. */
function eventsOf(body: JsonObject | undefined): readonly JsonObject[] {
  const { events, event } = body ?? {};
  const list: readonly JsonValue[] = Array.isArray(events)
    ? (events as readonly JsonValue[])
    : event === undefined
      ? []
      : [event]; // Array.isArray makes it any
  return list.filter((one): one is JsonObject => typeof one === "object" && one !== null && !Array.isArray(one));
}

/** A condition that fails on an event does not match it: the author of an event is not the author of the workflow. */
function matches(draft: Draft, position: number, wait: NonNullable<WaitAction["event"]>, event: JsonObject): boolean {
  if (wait.if === undefined) return true;
  try {
    const context = { ...controlContext(draft, position), event };
    return evaluateCondition(wait.if, context, {
      scope: scopeFor(draft.run.plan.document, draft.planTask(position).key, "event"),
    });
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

const eventOutputs = (draft: Draft, event: JsonObject | null): JsonObject => ({
  event,
  at: formatTime(draft.around.nowMs),
});
