// Values on both sides of an evaluation: JSON outside, CEL's own types inside (bigint for int, Date, Duration).
import { Optional } from "@marcbachmann/cel-js";
import { Duration, UnsignedInt } from "@marcbachmann/cel-js/evaluator";
import type { JsonValue } from "../json.ts";
import { isReservedKey, valueDepthMax } from "../plain-value.ts";
import { durationText } from "./time-format.ts";

/** A file inside an expression: four fields, no operator, passed on whole. */
export class FileRef {
  readonly name: string;
  readonly size: bigint;
  readonly sha256: string;
  readonly mediaType: string;
  readonly json: JsonValue;

  constructor(json: { readonly $file: { readonly [key: string]: JsonValue } }) {
    const { name, size, sha256, mediaType } = json.$file;
    this.name = typeof name === "string" ? name : "";
    this.size = BigInt(typeof size === "number" ? Math.trunc(size) : 0);
    this.sha256 = typeof sha256 === "string" ? sha256 : "";
    this.mediaType = typeof mediaType === "string" ? mediaType : "";
    this.json = json;
  }
}

/** A secret inside an expression: nothing to see. */
export class SecretRef {
  readonly #name: string;
  constructor(name: string) {
    this.#name = name;
  }
  get mark(): JsonValue {
    return { $secret: this.#name };
  }
}

export const isFileJson = (value: unknown): value is { readonly $file: { readonly [key: string]: JsonValue } } =>
  typeof value === "object" &&
  value !== null &&
  "$file" in value &&
  typeof value.$file === "object" &&
  value.$file !== null;

/** A JSON value of no declared type: whole numbers are ints. */
export function valueOfJson(value: JsonValue): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => valueOfJson(item));
  if (isFileJson(value)) return new FileRef(value);
  const object: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) object[key] = valueOfJson(item);
  return object;
}

/**
 * The JSON of an evaluated value. Times leave as ISO 8601 UTC, durations as `2m5s`, an absent optional as null.
 * @throws Error for what has no JSON: an integer beyond ±(2^53 − 1), NaN, a type; and for what no frame may carry, a
 * reserved key and more than 64 levels
 */
export function jsonOf(value: unknown, depth = 0): JsonValue {
  if (depth > valueDepthMax) throw new Error(`the value is nested deeper than ${valueDepthMax} levels`);
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      throw new Error(`${value} has no JSON`);
    case "bigint":
      return safeInteger(value);
    case "object":
      return value === null ? null : jsonOfObject(value, depth + 1);
    default:
      throw new Error(`a ${typeof value} has no JSON`);
  }
}

function safeInteger(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number))
    throw new Error(`${value} is beyond ±(2^53 − 1), the integers that JSON keeps exact`);
  return number;
}

function jsonOfObject(value: object, depth: number): JsonValue {
  if (Array.isArray(value)) return value.map((item) => jsonOf(item, depth));
  if (value instanceof FileRef) return value.json;
  if (value instanceof SecretRef) return value.mark;
  if (value instanceof Date) {
    const text = value.toISOString();
    return text.endsWith(".000Z") ? `${text.slice(0, -5)}Z` : text;
  }
  if (value instanceof Duration) return durationText(Number(value.valueOf()));
  if (value instanceof UnsignedInt) return safeInteger(BigInt(String(value)));
  if (value instanceof Optional) return value.hasValue() ? jsonOf(value.value(), depth) : null;
  if (value instanceof Set) return [...value].map((item) => jsonOf(item, depth));
  if (value instanceof Uint8Array || Object.prototype.toString.call(value).startsWith("[object Type<")) {
    throw new Error("bytes and types have no JSON");
  }
  const entries: Iterable<[string, unknown]> = value instanceof Map ? value.entries() : Object.entries(value);
  const object: Record<string, JsonValue> = {};
  for (const [given, item] of entries) {
    const key = String(given);
    if (isReservedKey(key)) throw new Error(`${key} cannot be a key`);
    if (item !== undefined) object[key] = jsonOf(item, depth);
  }
  return object;
}

/** Order of two values of one type; numbers compare across int and double. */
export function compareValues(a: unknown, b: unknown): number {
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  if (a instanceof Date && b instanceof Date) return a.getTime() - b.getTime();
  const numeric = (value: unknown): value is number | bigint => typeof value === "number" || typeof value === "bigint";
  if (numeric(a) && numeric(b)) return a < b ? -1 : a > b ? 1 : 0;
  throw new Error("only numbers, texts and times have an order");
}
