// From what an author gave to the document that YAML would be: references become `${{ }}`, absent stays absent.
import { BuildError } from "./errors.ts";
import { celOf, textOf } from "./ref.ts";

/** A document or a part of one, as its JSON. */
export type Source = string | number | boolean | null | readonly Source[] | { readonly [key: string]: Source };
export type SourceMap = Readonly<Record<string, Source>>;

const isPlain = (value: object): value is Readonly<Record<string, unknown>> => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** @throws BuildError for what JSON cannot say, with the path of it */
export function sourceOf(value: unknown, path: string): Source {
  const cel = celOf(value);
  if (cel !== undefined) return `\${{ ${cel} }}`;
  const text = textOf(value);
  if (text !== undefined) return text;
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((item, index) => sourceOf(item, `${path}[${index}]`));
  if (typeof value === "object" && isPlain(value)) return sourceMapOf(value, path);
  throw new BuildError(
    "wrong_type",
    `${path} is ${typeof value === "object" ? `a ${value.constructor.name}` : typeof value === "number" ? String(value) : `a ${typeof value}`}, which no document can hold`,
  );
}

/** A map without the keys that are undefined. */
export const sourceMapOf = (map: object, path: string): SourceMap =>
  Object.fromEntries(
    Object.entries(map).flatMap(([key, value]: [string, unknown]) =>
      value === undefined ? [] : [[key, sourceOf(value, `${path}.${key}`)]],
    ),
  );

/** A condition: bare CEL, or true or false. */
export function conditionOf(value: unknown, path: string): string | boolean {
  const cel = celOf(value);
  if (cel !== undefined) return cel;
  if (typeof value === "boolean") return value;
  throw new BuildError("type_mismatch", `${path} takes expr, or a reference to something that is true or false`);
}
