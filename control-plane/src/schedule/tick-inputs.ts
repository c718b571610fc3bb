// What a tick's run is asked for with: the inputs and labels of its trigger, whoever asks, the clock or a backfill.
import {
  schedulesOf,
  type CanonicalWorkflow,
  type JsonObject,
  type MissReason,
  type ScheduleTrigger,
} from "@capstan/proto";
import { askedBy, type Given } from "../trigger/asked.ts";
import type { EarlyRun } from "../trigger/early-run.ts";

/** What a start cannot get over. */
export class Refused extends Error {
  readonly reason: MissReason;

  constructor(reason: MissReason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

export const scheduleTrigger = (document: CanonicalWorkflow, id: string): ScheduleTrigger | undefined =>
  schedulesOf(document).find((one) => one.id === id);

export interface AskingTick {
  readonly kind: "schedule" | "backfill";
  readonly tick: { readonly tickMs: number; readonly windowStartMs: number };
  readonly before: EarlyRun;
  readonly over?: Given;
}

/** Inputs and labels of the tick's run. @throws Refused condition, expression_failed inputs_invalid */
export function askedByTick(
  edition: { readonly document: CanonicalWorkflow; readonly digest: string },
  trigger: ScheduleTrigger,
  { kind, tick, before, over }: AskingTick,
): { readonly inputs: JsonObject; readonly labels: Readonly<Record<string, string>> } {
  const { document, digest } = edition;
  const { tickMs, windowStartMs } = tick;
  const context = {
    vars: before.vars,
    run: {
      workflow: document.name,
      version: digest,
      scheduledAt: tickMs,
      window: { start: windowStartMs, end: tickMs },
    },
    trigger: { kind, id: trigger.id, at: tickMs },
  };
  const asked = askedBy(document, trigger, context, before, over);
  if (asked.kind === "filtered") throw new Refused("condition", asked.condition);
  return asked;
}
