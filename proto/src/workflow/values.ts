// Values against their declarations. JSON is never coerced: "3" is no integer, 3.0 is one.
import { canonicalJson } from "../canonical-json.ts";
import { parseDuration } from "../duration.ts";
import { guess } from "../expression/nearest.ts";
import { matchesPattern } from "../expression/pattern.ts";
import type { JsonValue } from "../json.ts";
import type { ValueDeclaration } from "./canonical.ts";
import { pointerOf } from "./source.ts";

export interface ValueProblem {
  readonly code: "missing" | "unknown" | "wrong_type" | "too_big" | "too_small" | "bad_value" | "pattern" | "format";
  readonly detail: string;
  readonly pointer: string;
  readonly hint?: string;
}

type Path = readonly (string | number)[];

/** Problems of a value; none where it fits its declaration. `path` names it in messages and pointers. */
export function checkValue(declaration: ValueDeclaration, value: JsonValue, path: Path): readonly ValueProblem[] {
  const problems: ValueProblem[] = [];
  check(declaration, value, path, (code, detail, at = path, hint) => {
    problems.push({ code, detail, pointer: pointerOf(at), ...(hint === undefined ? {} : { hint }) });
  });
  return problems;
}

type Add = (code: ValueProblem["code"], detail: string, path?: Path, hint?: string) => void;

function check(declaration: ValueDeclaration, value: JsonValue, path: Path, add: Add): void {
  const name = path.map(String).join(".");
  if (value === null && declaration.nullable === true) return;
  if (!hasType(declaration.type, value)) {
    add("wrong_type", `${name} needs ${nouns[declaration.type]}, not ${nounOf(value)}`, path);
    return;
  }
  if (declaration.enum !== undefined && !declaration.enum.some((one) => same(one, value))) {
    const known = declaration.enum.map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
    add(
      "bad_value",
      `${name} is none of ${known.slice(0, 20).join(", ")}`,
      path,
      typeof value === "string" ? guess(value, known) : undefined,
    );
  }
  if (declaration.const !== undefined && !same(declaration.const, value))
    add("bad_value", `${name} must be ${JSON.stringify(declaration.const)}`, path);
  if (typeof value === "string") checkText(declaration, value, name, path, add);
  else if (typeof value === "number") checkNumber(declaration, value, name, path, add);
  else if (Array.isArray(value)) checkList(declaration, value, path, add);
  else if (declaration.type === "object" && isMap(value)) checkMap(declaration, value, path, add);
  else if (declaration.type === "file" && isMap(value)) checkFile(declaration, value, name, path, add);
}

const nouns: Readonly<Record<ValueDeclaration["type"], string>> = {
  string: "text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  file: "a file",
};
function nounOf(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "string" ? "text" : typeof value === "object" ? "a map" : `${typeof value} ${String(value)}`;
}

const isMap = (value: JsonValue): value is { readonly [key: string]: JsonValue } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function hasType(type: ValueDeclaration["type"], value: JsonValue): boolean {
  switch (type) {
    case "string":
      return typeof value === "string";
    case "integer":
      return typeof value === "number" && Number.isSafeInteger(value);
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "boolean":
      return typeof value === "boolean";
    case "array":
      return Array.isArray(value);
    case "object":
      return isMap(value);
    case "file":
      return isMap(value) && value["$file"] !== undefined && isMap(value["$file"]);
  }
}

const same = (a: JsonValue, b: JsonValue): boolean => a === b || canonicalJson(a) === canonicalJson(b);

function characterCount(value: string): number {
  let count = 0;
  for (const _ of value) count++;
  return count;
}

function checkText(declaration: ValueDeclaration, value: string, name: string, path: Path, add: Add): void {
  const { minLength, maxLength, pattern, format } = declaration;
  // JSON Schema counts characters, not UTF-16 units.
  const length = minLength === undefined && maxLength === undefined ? 0 : characterCount(value);
  if (minLength !== undefined && length < minLength)
    add("too_small", `${name} needs at least ${minLength} characters`, path);
  if (maxLength !== undefined && length > maxLength)
    add("too_big", `${name} takes at most ${maxLength} characters`, path);
  if (pattern !== undefined && !matchesPattern(pattern, value))
    add("pattern", `${name} does not match ${pattern}`, path);
  if (format !== undefined && !hasFormat(format, value)) add("format", `${name} is no ${format}`, path);
}

const formatTests: Readonly<Record<string, (value: string) => boolean>> = {
  date: (value) => isDay(value),
  "date-time": (value) =>
    /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/.test(value) &&
    isDay(value.slice(0, 10)) &&
    !Number.isNaN(Date.parse(value)),
  time: (value) => /^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)?$/.test(value),
  duration: (value) => parseDuration(value) !== undefined,
  uri: (value) => /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(value) && URL.canParse(value),
  email: (value) => value.length <= 254 && /^[^\s@<>()[\],;:\\"]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/.test(value),
  uuid: (value) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value),
  hostname: (value) => value.length <= 253 && /^(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*$/.test(value),
};

function isDay(value: string): boolean {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(value);
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  // Day 0 of the next month is the last of this one.
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** Whether a text has a format; an unknown format is met by any. */
export const hasFormat = (format: string, value: string): boolean => formatTests[format]?.(value) ?? true;

function checkNumber(declaration: ValueDeclaration, value: number, name: string, path: Path, add: Add): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = declaration;
  if (minimum !== undefined && value < minimum) add("too_small", `${name} is at least ${minimum}`, path);
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum)
    add("too_small", `${name} is more than ${exclusiveMinimum}`, path);
  if (maximum !== undefined && value > maximum) add("too_big", `${name} is at most ${maximum}`, path);
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum)
    add("too_big", `${name} is less than ${exclusiveMaximum}`, path);
  if (multipleOf !== undefined) {
    const times = value / multipleOf;
    if (Math.abs(times - Math.round(times)) > 1e-9 * Math.max(1, Math.abs(times)))
      add("bad_value", `${name} is a multiple of ${multipleOf}`, path);
  }
}

function checkList(declaration: ValueDeclaration, value: readonly JsonValue[], path: Path, add: Add): void {
  const name = path.map(String).join(".");
  const { items, minItems, maxItems, uniqueItems } = declaration;
  if (minItems !== undefined && value.length < minItems)
    add("too_small", `${name} needs at least ${minItems} items`, path);
  if (maxItems !== undefined && value.length > maxItems)
    add("too_big", `${name} takes at most ${maxItems} items`, path);
  if (uniqueItems === true && new Set(value.map((item) => canonicalJson(item))).size < value.length)
    add("bad_value", `${name} has an item twice`, path);
  if (items !== undefined) for (const [index, item] of value.entries()) check(items, item, [...path, index], add);
}

function checkMap(
  declaration: ValueDeclaration,
  value: { readonly [key: string]: JsonValue },
  path: Path,
  add: Add,
): void {
  const { properties = {}, required = [], additionalProperties } = declaration;
  for (const key of required)
    if (!Object.hasOwn(value, key)) add("missing", `${path.map(String).join(".")} needs ${key}`, [...path, key]);
  for (const [key, item] of Object.entries(value)) {
    const inner = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (inner !== undefined) check(inner, item, [...path, key], add);
    else if (additionalProperties === false)
      add(
        "unknown",
        `${[...path, key].map(String).join(".")} is not declared`,
        [...path, key],
        guess(key, Object.keys(properties)),
      );
    else if (typeof additionalProperties === "object") check(additionalProperties, item, [...path, key], add);
  }
}

function checkFile(
  declaration: ValueDeclaration,
  value: { readonly [key: string]: JsonValue },
  name: string,
  path: Path,
  add: Add,
): void {
  const file = value["$file"];
  if (file === undefined || !isMap(file)) return;
  const { size, mediaType } = file;
  if (declaration.maxSize !== undefined && typeof size === "number" && size > declaration.maxSize)
    add("too_big", `${name} has at most ${declaration.maxSize} bytes`, path);
  if (declaration.mediaType !== undefined && typeof mediaType === "string" && mediaType !== declaration.mediaType) {
    add("bad_value", `${name} is ${declaration.mediaType}, not ${mediaType}`, path);
  }
}
