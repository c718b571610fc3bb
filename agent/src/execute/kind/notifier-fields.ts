// Fields of notifiers, after expressions and secrets.
import type { JsonObject } from "@capstan/proto";
import type { Finished } from "../executor.ts";

/** Text of at most `max` characters; a cut is shown by `…`. */
export const cutCharacters = (value: string, max: number): string =>
  value.length > max ? `${value.slice(0, max - 1)}…` : value;

/** A field as text; lists and objects as JSON. */
export const fieldText = (fields: JsonObject, name: string): string | undefined => {
  const value = fields[name];
  return value === undefined || value === null
    ? undefined
    : typeof value === "object"
      ? JSON.stringify(value)
      : String(value);
};

export const delivered: Finished = { outcome: "succeeded", outputs: { delivered: true } };
