// From the schema's issues to problems with a code, a place and a hint.
import type * as z from "zod";
import { guess } from "../expression/nearest.ts";
import type { JsonValue } from "../json.ts";
import type { ProblemList } from "./problems.ts";
import { kindOf, namePattern, offeredName } from "./scalar-schema.ts";
import { knownKeysAt } from "./schema-keys.ts";
import { workflowSchema } from "./schema.ts";
import { unsupportedSchemaKeys } from "./value-schema.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly (string | number)[];

/** What an issue makes of the document: the parts that must go before the rest can be looked at. */
export interface ShapeCheck {
  /** Paths of what is wrong; a missing key is named by its parent. */
  readonly wrong: readonly Path[];
}

const coded = /^([a-z]+(?:_[a-z]+)*): ([\s\S]*)$/;

/** Reports each issue. */
export function reportIssues(issues: readonly Issue[], document: JsonValue, problems: ProblemList): ShapeCheck {
  const wrong: Path[] = [];
  for (const issue of issues) report(issue, [], document, problems, wrong);
  return { wrong };
}

function report(issue: Issue, base: Path, document: JsonValue, problems: ProblemList, wrong: Path[]): void {
  const path: Path = [...base, ...issue.path.map((name) => (typeof name === "number" ? name : String(name)))];
  const value = valueAt(document, path);
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) {
      problems.add({ ...unknownKey(key, path, document), path: [...path, key], atKey: true });
      wrong.push([...path, key]);
    }
    return;
  }
  if (issue.code === "invalid_key") {
    // A map's key: the issue within says what a right one looks like.
    const inner = issue.issues[0];
    const [, code = "bad_name", detail = inner?.message ?? issue.message] = coded.exec(inner?.message ?? "") ?? [];
    problems.add({ code, detail, path, atKey: true });
    wrong.push(path);
    return;
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const branch = nearestBranch(issue.errors, value);
    for (const inner of branch) report(inner, path, document, problems, wrong);
    return;
  }
  wrong.push(path);
  if (value === undefined) {
    const key = path[path.length - 1] ?? "";
    const parent = path.slice(0, -1);
    problems.add({
      code: "missing_key",
      detail: `${parent.length === 0 ? "the workflow" : nameOf(parent)} needs ${key}`,
      path: parent,
    });
    return;
  }
  const match = coded.exec(issue.message);
  if (match?.[1] !== undefined && match[2] !== undefined) {
    const [detail = "", ...rest] = match[2].split("; ");
    problems.add({
      code: match[1],
      detail: `${nameOf(path)}: ${detail}`,
      path,
      hint: rest.length > 0 ? rest.join("; ") : undefined,
    });
    return;
  }
  problems.add({ ...plain(issue, path, value), path });
}

const nameOf = (path: Path): string => (path.length === 0 ? "the workflow" : path.map(String).join("."));

function valueAt(document: JsonValue, path: Path): JsonValue | undefined {
  let value: JsonValue | undefined = document;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as { readonly [key: string]: JsonValue })[String(name)]; // lists have their indexes as names too
  }
  return value;
}

/** Of the forms that a value could have, the one that its author meant: the one whose type it has. */
function nearestBranch(branches: readonly (readonly Issue[])[], value: JsonValue | undefined): readonly Issue[] {
  const mismatched = (issues: readonly Issue[]): boolean =>
    issues.some(
      (issue) => issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value"),
    );
  const meant = branches.filter((issues) => !mismatched(issues)).toSorted((a, b) => a.length - b.length);
  if (meant[0] !== undefined) return meant[0];
  // No form fits. A wrong word for one of a few is nearer than another type altogether.
  const word = branches.find((issues) =>
    issues.some((issue) => issue.path.length === 0 && issue.code === "invalid_value"),
  );
  if (typeof value === "string" && word !== undefined) return word;
  return branches.find((issues) => issues.some((issue) => coded.test(issue.message))) ?? branches[0] ?? [];
}

const keyHints: Readonly<Record<string, string>> = {
  on: "did you mean triggers?",
  depends_on: "did you mean needs?",
  dependsOn: "did you mean needs?",
  when: "did you mean if?",
  command: "did you mean run?",
  script: "did you mean run?",
  parameters: "did you mean inputs or with?",
  params: "did you mean inputs or with?",
  schedule: "did you mean triggers: [{ schedule: … }]?",
  cron: "did you mean triggers: [{ schedule: { cron: … } }]?",
};

function unknownKey(key: string, path: Path, document: JsonValue): { code: string; detail: string; hint?: string } {
  const where = path.length === 0 ? "" : ` in ${nameOf(path)}`;
  if (unsupportedSchemaKeys.has(key) && path.some((name) => name === "inputs" || name === "outputs")) {
    return { code: "unsupported_schema", detail: `${key} of JSON Schema is not supported${where}` };
  }
  const parent = valueAt(document, path);
  const value =
    typeof parent === "object" && parent !== null ? (parent as { readonly [name: string]: JsonValue })[key] : undefined; // a map, as it has unknown keys
  if (key === "retries" && typeof value === "number") {
    return {
      code: "unknown_key",
      detail: `retries is not a key${where}`,
      hint: `every try counts here: retry: { attempts: ${value + 1} }`,
    };
  }
  const hint = guess(key, knownKeysAt(workflowSchema, path)) ?? keyHints[key];
  return { code: "unknown_key", detail: `${key} is not a key${where}`, ...(hint === undefined ? {} : { hint }) };
}

function plain(issue: Issue, path: Path, value: JsonValue): { code: string; detail: string; hint?: string } {
  const name = nameOf(path);
  switch (issue.code) {
    case "invalid_type":
      return { code: "wrong_type", detail: `${name}: ${expected(issue.expected)} is needed, not ${kindOf(value)}` };
    case "invalid_value": {
      const known = issue.values.map(String);
      const hint = typeof value === "string" ? guess(value, known) : undefined;
      return {
        code: "bad_value",
        detail: `${name}: ${JSON.stringify(value)} is none of ${known.join(", ")}`,
        ...(hint === undefined ? {} : { hint }),
      };
    }
    case "too_big":
      return {
        code: issue.origin === "number" || issue.origin === "int" ? "bad_value" : "too_large",
        detail: `${name}: at most ${String(issue.maximum)}`,
      };
    case "too_small":
      return { code: "bad_value", detail: `${name}: at least ${String(issue.minimum)}` };
    case "invalid_format": {
      const offered = typeof value === "string" ? offeredName(value, namePattern) : undefined;
      return {
        code: "bad_value",
        detail: `${name}: ${JSON.stringify(value)} is not as it must be (${issue.format})`,
        ...(offered === undefined ? {} : { hint: `${offered}?` }),
      };
    }
    case "not_multiple_of":
    case "invalid_union":
    case "invalid_key":
    case "invalid_element":
    case "unrecognized_keys":
    case "custom":
      return { code: "bad_value", detail: `${name}: ${issue.message}` };
  }
}

const words: Readonly<Record<string, string>> = {
  object: "a map",
  record: "a map",
  array: "a list",
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};
const expected = (type: string): string => words[type] ?? type;
