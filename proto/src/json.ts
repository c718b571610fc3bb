/** Any value that JSON can carry. Integers stay within ±(2^53 − 1); no `undefined`, no dates. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}
