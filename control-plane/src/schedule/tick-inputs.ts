// What a tick's run is asked for with: the inputs and labels of its trigger, whoever asks, the clock or a backfill.
import {
  evaluateTree,
  schedulesOf,
  scopeAt,
  type CanonicalWorkflow,
  type JsonObject,
  type MissReason,
  type ScheduleTrigger,
} from "@capstan/proto";
import type { EarlyRun } from "../trigger/early-run.ts";
import { completeInputs } from "../trigger/inputs.ts";
import { completeLabels } from "../trigger/labels.ts";

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
  /** Over those of the trigger. */
  readonly inputs?: JsonObject;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Inputs and labels of the tick's run. @throws Refused inputs_invalid */
export function askedByTick(
  edition: { readonly document: CanonicalWorkflow; readonly digest: string },
  trigger: ScheduleTrigger,
  { kind, tick, before, ...more }: AskingTick,
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
  const scope = scopeAt(document, "trigger");
  const evaluated = (tree: unknown): unknown => {
    try {
      return evaluateTree(tree as Parameters<typeof evaluateTree>[0], context, { scope }); // canonical: JSON with expressions
    } catch (cause) {
      throw new Refused("inputs_invalid", cause instanceof Error ? cause.message : "an expression failed");
    }
  };
  if (trigger.if !== undefined && evaluated(trigger.if) !== true) throw new Refused("condition", trigger.if.$expr);
  const given = evaluated(trigger.inputs ?? {}) as JsonObject; // JSON, of a map
  const inputs = completeInputs(document, { ...given, ...more.inputs }, before);
  const labels = evaluated(trigger.labels ?? {}) as Readonly<Record<string, string>>; // texts, by the checker
  return { inputs, labels: completeLabels(document, inputs, before, { ...labels, ...more.labels }) };
}
