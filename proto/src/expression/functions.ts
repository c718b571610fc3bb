// The functions of ours that expressions may call, and the operators that JSON numbers need.
//  F1. All are total over their declared types or throw with a sentence; none reads a clock or draws a random number.
//  F2. None yields more than `resultCharactersMax`, and each pays steps for the size of what it reads (budget.ts).
import type { Environment } from "@marcbachmann/cel-js";
import { Duration, UnsignedInt } from "@marcbachmann/cel-js/evaluator";
import { canonicalJson } from "../canonical-json.ts";
import { sha256Hex } from "../sha256.ts";
import { currentStatus, spend } from "./budget.ts";
import { compareValues, jsonOf, valueOfJson } from "./cel-value.ts";
import { compiledPattern, matchesPattern } from "./pattern.ts";
import { formatTimestamp } from "./time-format.ts";

export const resultCharactersMax = 1024 * 1024;
const listMax = 10_000;

const timestamp = "google.protobuf.Timestamp";
const duration = "google.protobuf.Duration";

export function registerOperators(environment: Environment): void {
  const number = (value: bigint | number): number => Number(value);
  for (const [left, right] of [
    ["int", "double"],
    ["double", "int"],
  ] as const) {
    environment.registerOperator(`${left} + ${right}: double`, (a, b) => number(a) + number(b));
    environment.registerOperator(`${left} - ${right}: double`, (a, b) => number(a) - number(b));
    environment.registerOperator(`${left} * ${right}: double`, (a, b) => number(a) * number(b));
    environment.registerOperator(`${left} / ${right}: double`, (a, b) => number(a) / number(b));
    environment.registerOperator(`${left} % ${right}: double`, (a, b) => number(a) % number(b));
  }
  environment.registerOperator("double % double: double", (a: number, b: number) => a % b);
  environment.registerOperator("int == double: bool", (a: bigint, b: number) => Number(a) === b);
}

const limited = (text: string): string => {
  if (text.length > resultCharactersMax) throw new Error("the text would be longer than 1 MiB");
  return text;
};

const integer = (value: number): bigint => {
  if (!Number.isFinite(value)) throw new Error(`${value} has no integer`);
  return BigInt(value);
};

/** Half away from zero, as people round. */
const halfUp = (value: number): number => Math.sign(value) * Math.round(Math.abs(value));

export function percentText(value: number, digits: number | undefined): string {
  if (!Number.isFinite(value)) throw new Error("percent needs a finite number");
  // The shortest text of value·100 to twelve digits hides what binary fractions add (0.07 · 100).
  const hundredfold = Number((value * 100).toPrecision(12));
  if (digits !== undefined) return `${hundredfold.toFixed(Math.min(Math.max(digits, 0), 10))}%`;
  return `${Number(hundredfold.toFixed(1))}%`;
}

const slugOf = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");

type Item = bigint | number | string | Date;

function extreme(list: readonly Item[], sign: 1 | -1): Item {
  spend(list.length);
  const [first, ...rest] = list;
  if (first === undefined) throw new Error("the list is empty");
  return rest.reduce<Item>((best, item) => (compareValues(item, best) * sign > 0 ? item : best), first);
}

function sumOf(list: readonly (bigint | number)[]): bigint | number {
  spend(list.length);
  if (list.every((item) => typeof item === "bigint")) return list.reduce<bigint>((sum, item) => sum + item, 0n);
  return list.reduce<number>((sum, item) => sum + Number(item), 0);
}

function uniqueOf(list: readonly unknown[]): unknown[] {
  spend(list.length * 2);
  const seen = new Set<string>();
  return list.filter((item) => {
    const key = canonicalJson(jsonOf(item));
    return seen.has(key) ? false : seen.add(key);
  });
}

function rangeOf(count: bigint): bigint[] {
  if (count < 0n || count > BigInt(listMax)) throw new Error(`range takes 0 to ${listMax}`);
  spend(Number(count));
  return Array.from({ length: Number(count) }, (_, index) => BigInt(index));
}

function chunkOf(list: readonly unknown[], size: bigint): unknown[][] {
  if (size < 1n) throw new Error("chunk needs a size of 1 or more");
  spend(list.length);
  const chunks: unknown[][] = [];
  for (let at = 0; at < list.length; at += Number(size)) chunks.push(list.slice(at, at + Number(size)));
  return chunks;
}

function flattenOf(list: readonly unknown[]): unknown[] {
  const flat: unknown[] = [];
  for (const item of list) {
    if (Array.isArray(item)) for (const inner of item) flat.push(inner);
    else flat.push(item);
    spend(1 + (Array.isArray(item) ? item.length : 0));
  }
  return flat;
}

function replaceAll(text: string, from: string, to: string): string {
  if (from === "") throw new Error("replace needs a text to look for");
  const parts = text.split(from);
  spend(parts.length + text.length / 64);
  if (text.length + (parts.length - 1) * (to.length - from.length) > resultCharactersMax)
    limited(" ".repeat(resultCharactersMax + 1));
  return parts.join(to);
}

export function registerFunctions(environment: Environment): void {
  // `async: false` lets the library keep its fast path.
  const add = (signature: string, handler: (...values: never[]) => unknown, description: string): void => {
    environment.registerFunction(signature, {
      handler: handler as (...values: unknown[]) => unknown,
      description,
      async: false,
    }); // the library checks the arguments against the signature
  };
  for (const type of ["int", "double"]) {
    add(`percent(${type}): string`, (x: bigint | number) => percentText(Number(x), undefined), "0.912 as 91.2%");
    add(
      `percent(${type}, int): string`,
      (x: bigint | number, d: bigint) => percentText(Number(x), Number(d)),
      "with that many digits",
    );
    add(
      `round(${type}): int`,
      (x: bigint | number) => integer(halfUp(Number(x))),
      "to the nearest integer, half away from zero",
    );
    add(`floor(${type}): int`, (x: bigint | number) => integer(Math.floor(Number(x))), "down to an integer");
    add(`ceil(${type}): int`, (x: bigint | number) => integer(Math.ceil(Number(x))), "up to an integer");
  }
  add("min(list<A>): A", (list: readonly Item[]) => extreme(list, -1), "the smallest item");
  add("max(list<A>): A", (list: readonly Item[]) => extreme(list, 1), "the largest item");
  add("sum(list<A>): A", sumOf, "the sum of the items");
  add(
    "sort(list<A>): list<A>",
    (list: readonly Item[]) => {
      spend(list.length * 8);
      return list.toSorted(compareValues);
    },
    "the items in ascending order",
  );
  add("unique(list<A>): list<A>", uniqueOf, "each item once, in order of first occurrence");
  add("flatten(list<list<A>>): list<A>", flattenOf, "one level of nesting less");
  add("range(int): list<int>", rangeOf, "0 to n − 1");
  add("chunk(list<A>, int): list<list<A>>", chunkOf, "pieces of that length");
  add(
    "zip(list<dyn>, list<dyn>): list<list<dyn>>",
    (a: readonly unknown[], b: readonly unknown[]) => {
      spend(a.length);
      return a.slice(0, b.length).map((item, index) => [item, b[index]]);
    },
    "pairs, as long as the shorter list",
  );
  add("replace(string, string, string): string", replaceAll, "every occurrence replaced");
  add("string.replace(string, string): string", replaceAll, "every occurrence replaced");
  add("slug(string): string", slugOf, "lower-case letters, digits and hyphens");
  add(
    "string.re(string): bool",
    (text: string, re: string) => {
      spend(text.length / 16);
      return matchesPattern(re, text);
    },
    "RE2 finds a match",
  );
  add(
    "string.reFind(string): string",
    (text: string, re: string) => {
      spend(text.length / 16);
      const matcher = compiledPattern(re).matcher(text);
      return matcher.find() ? (matcher.group() ?? "") : "";
    },
    "the first RE2 match, or an empty text",
  );
  add(`date(${timestamp}): string`, (ts: Date) => formatTimestamp(ts, "yyyy-MM-dd", "UTC"), "the day in UTC");
  add(
    `date(${timestamp}, string): string`,
    (ts: Date, zone: string) => formatTimestamp(ts, "yyyy-MM-dd", zone),
    "the day in a zone",
  );
  add(
    `format(${timestamp}, string): string`,
    (ts: Date, text: string) => formatTimestamp(ts, text, "UTC"),
    "yyyy-MM-dd HH:mm:ss in UTC",
  );
  add(`format(${timestamp}, string, string): string`, formatTimestamp, "the same in a zone");
  add(`string(${timestamp}): string`, (ts: Date) => jsonOf(ts), "ISO 8601 in UTC");
  add(`string(${duration}): string`, (value: Duration) => jsonOf(value), "such as 2m5s");
  add(
    "toJSON(dyn): string",
    (value: unknown) => {
      const text = JSON.stringify(jsonOf(value));
      spend(text.length / 64);
      return limited(text);
    },
    "the value as JSON text",
  );
  add(
    "fromJSON(string): dyn",
    (text: string) => {
      spend(text.length / 16);
      return valueOfJson(JSON.parse(text));
    },
    "the value of a JSON text",
  );
  add(
    "hash(dyn): string",
    (value: unknown) => {
      const text = canonicalJson(jsonOf(value));
      spend(text.length / 64);
      return sha256Hex(text);
    },
    "SHA-256 of the canonical JSON, in hex",
  );
  add("success(): bool", () => currentStatus().success, "every need is ok or tolerated");
  add("failure(): bool", () => currentStatus().failure, "a need failed");
  add("cancelled(): bool", () => currentStatus().cancelled, "the run is being cancelled or out of time");
  add("always(): bool", () => true, "true");
  // Put into macros by budget.ts, never by an author: the names hold what a name of ours cannot.
  add(
    "capstanStep(A): A",
    (value: unknown) => {
      spend(1);
      return value;
    },
    "pays one step",
  );
  add(
    "capstanSize(A): A",
    (value: unknown) => {
      if (Array.isArray(value)) spend(value.length);
      else if (typeof value === "string") spend(value.length / 64);
      else if (value instanceof UnsignedInt) spend(1);
      return value;
    },
    "pays for the size",
  );
}
