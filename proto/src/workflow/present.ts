// Small tools of the canonical form: absent stays absent, texts become expressions.
import { canonicalText } from "../expression/template.ts";
import type { JsonValue } from "../json.ts";
import type { DynamicJson, DynamicText } from "./canonical.ts";

/** An object without the keys that are undefined: absent stays absent. */
export function present<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const kept = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as { [K in keyof T]: Exclude<T[K], undefined> }; // the keys that are left have values
}

export const mapped = <A, B>(
  map: Readonly<Record<string, A>>,
  change: (value: A, key: string) => B,
): Record<string, B> => Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));

export const optional = <A, B>(value: A | null | undefined, change: (value: A) => B): B | undefined =>
  value === undefined || value === null ? undefined : change(value);

/** Any JSON with its texts in canonical form. */
export function dynamicJson(value: unknown): DynamicJson {
  if (typeof value === "string") return canonicalText(value);
  if (Array.isArray(value)) return value.map(dynamicJson);
  if (typeof value === "object" && value !== null) return mapped(value as Record<string, unknown>, dynamicJson); // JSON
  return value as JsonValue; // the parser yields JSON
}
export const dynamicText = (value: string): DynamicText => canonicalText(value);
