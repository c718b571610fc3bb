// RFC 8785 (JSON Canonicalization Scheme): the one text of a JSON value. Numbers and strings as ECMAScript prints
// them, keys in the order of their UTF-16 code units, no white space.
import type { JsonValue } from "./json.ts";

/** @throws TypeError for what JSON cannot carry: undefined, NaN, infinities, functions, a lone surrogate. */
export function canonicalJson(value: JsonValue): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`${value} is not JSON`);
    return JSON.stringify(value);
  }
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new TypeError("a lone surrogate is not JSON");
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(",")}]`;
  if (typeof value !== "object") throw new TypeError(`${typeof value} is not JSON`);
  const parts: string[] = [];
  // `sort` without a function compares UTF-16 code units, as the RFC asks.
  const object = value as { readonly [key: string]: JsonValue }; // Array.isArray does not narrow readonly arrays away
  for (const key of Object.keys(object).sort()) {
    const item = object[key];
    if (item !== undefined) parts.push(`${canonicalJson(key)}:${canonicalJson(item)}`);
  }
  return `{${parts.join(",")}}`;
}
