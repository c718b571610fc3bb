// The variables of a project as a run knows them: resolved once, when it is asked for, and kept with what asked for it.
import type { JsonObject, JsonValue } from "@capstan/proto";
import type { Run } from "./snapshot.ts";

const none: JsonObject = {};

/** By name; empty for a workflow that reads none. */
export function varsOf({ trigger }: { readonly trigger: JsonObject }): JsonObject {
  const vars = trigger["vars"];
  return isObject(vars) ? vars : none;
}

/** What is frozen with a run. */
export interface RunValues {
  readonly inputs: JsonObject;
  readonly vars: JsonObject;
  /** The run as it was when it was asked for, where its priority or a key asks about it. */
  readonly run?: JsonObject;
}

/** What a run is ordered by. */
export function orderValuesOf(run: Pick<Run, "inputs" | "trigger" | "labels">): RunValues {
  const { early } = run.trigger;
  return isObject(early) ? { ...valuesOf(run), run: { ...early, labels: run.labels } } : valuesOf(run);
}

export const valuesOf = (run: Pick<Run, "inputs" | "trigger">): RunValues => ({
  inputs: run.inputs,
  vars: varsOf(run),
});

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
