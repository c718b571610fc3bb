// The JSON that expressions see, and the values in it.
import type { JsonObject, JsonValue } from "../json.ts";
import { isFileJson } from "./cel-value.ts";
import { fileFields } from "./shape.ts";

/** The variables of an expression as JSON; times are ISO 8601 text or Unix milliseconds, durations milliseconds. */
export interface ExpressionContext {
  readonly inputs?: JsonObject;
  readonly vars?: JsonObject;
  readonly run?: JsonObject;
  readonly tasks?: JsonObject;
  readonly needs?: JsonObject;
  readonly trigger?: JsonObject;
  readonly attempt?: JsonObject;
  readonly event?: JsonObject;
  readonly item?: JsonValue;
  readonly index?: number;
  /** The same index of the task that this one is chained to. */
  readonly prev?: JsonObject;
  /** What placement knows of an agent: only in `runsOn.expr`. */
  readonly agent?: JsonObject;
  /** Of a sensor: the number of this poll, the `cursor` that the last one gave (null at first), what this one gave. */
  readonly poll?: number;
  readonly cursor?: JsonValue;
  readonly result?: JsonObject;
  /** Names only, put there by the evaluation itself. */
  readonly secrets?: JsonObject;
}

/** The value at a path of names; undefined where there is none. A file is entered at its four fields. */
export function lookUp(path: readonly string[], context: ExpressionContext): JsonValue | undefined {
  let value: unknown = context;
  for (const name of path) {
    if (isFileJson(value) && Object.hasOwn(fileFields, name)) value = value.$file;
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name]; // an object that has the name
  }
  return value as JsonValue | undefined; // a context is JSON by its type
}
