// The version of one run: a deployed version with the changes that its request asked for. One function for control plane
// and agent, so that an agent that has both versions can see for itself that nothing else was changed.
//  V1. Only what the deployed version lists as `overridable` changes; all else stays as it was, byte by byte.
//  V2. What comes out is read and checked like a file that is deployed.
//  V3. A change is a value. Expressions come from the workflow alone: they could read what the asker may not.
import type { JsonValue } from "../json.ts";
import type { Problem } from "../error/app-error.ts";
import { guess } from "../expression/nearest.ts";
import { isReservedKey } from "../plain-value.ts";
import { shortField } from "./canonical-action.ts";
import type { CanonicalWorkflow } from "./canonical.ts";
import { isCovered } from "./check-overridable.ts";
import { canonicalJsonOf, withBundle } from "./digest.ts";
import { readWorkflow } from "./read.ts";
import { pathOfPointer } from "./source.ts";
import { sourceOfCanonical } from "./to-source.ts";

/** Places that one request may change. */
export const overridesMax = 50;

export type Overrides = Readonly<Record<string, JsonValue>>;

export type Derivation =
  | {
      readonly kind: "derived";
      readonly document: CanonicalWorkflow;
      /** The document as a file, in JSON. */
      readonly source: string;
    }
  /** `not_overridable`: it asks for what the version does not list. `spec_invalid`: what came out is no workflow. */
  | {
      readonly kind: "refused";
      readonly code: "not_overridable" | "spec_invalid";
      readonly problems: readonly Problem[];
    };

/** @param parent a deployed version, not a derived one; @param digest its digest */
export function deriveWorkflow(parent: CanonicalWorkflow, digest: string, set: Overrides): Derivation {
  const refusals = Object.entries(set).flatMap(([pointer, value]) => refusalOf(parent, pointer, value) ?? []);
  if (refusals.length > 0) return { kind: "refused", code: "not_overridable", problems: refusals };
  const source = longForm(sourceOfCanonical(parent));
  const bundle = parent.code?.bundle;
  const again = readWorkflow({ text: JSON.stringify(source) }).document;
  if (again === undefined || canonicalJsonOf(withBundle(again, bundle)) !== canonicalJsonOf(parent))
    return invalid([
      { code: "spec_invalid", detail: "the version cannot be written as a file, so nothing of it can be changed" },
    ]);
  let changed: JsonValue = source;
  const missing: Problem[] = [];
  // A place before what is below it.
  for (const pointer of Object.keys(set).toSorted()) {
    const made = withValue(changed, pathOfPointer(pointer) ?? [], set[pointer] ?? null);
    if (made === undefined)
      missing.push({ code: "bad_value", pointer, detail: `there is no such place as ${pointer}` });
    else changed = made;
  }
  if (missing.length > 0) return invalid(missing);
  const text = JSON.stringify(changed);
  const read = readWorkflow({ text });
  // Lines and columns would be those of a text that nobody has written.
  if (read.document === undefined) return invalid(read.problems.map(({ line: _l, column: _c, ...problem }) => problem));
  return {
    kind: "derived",
    document: { ...withBundle(read.document, bundle), derived: { from: digest, set } },
    source: text,
  };
}

const invalid = (problems: readonly Problem[]): Derivation => ({ kind: "refused", code: "spec_invalid", problems });

function refusalOf(
  { overridable = [], derived }: CanonicalWorkflow,
  pointer: string,
  value: JsonValue,
): Problem | undefined {
  const refused = (detail: string, hint?: string): Problem => ({
    code: "not_overridable",
    pointer,
    detail,
    ...(hint === undefined ? {} : { hint }),
  });
  if (derived !== undefined) return refused("the version was itself made for a run");
  const path = pathOfPointer(pointer);
  if (path === undefined) return refused(`${pointer} is no JSON pointer`, "write it as /tasks/load/timeout");
  if (overridable.length === 0)
    return refused("the version lets a run change nothing", "list the place under overridable");
  if (!isCovered(overridable, pointer))
    return refused(
      `the version does not let a run change ${pointer}`,
      guess(pointer, overridable) ?? `it may change ${overridable.join(", ")}`,
    );
  if (path.some((name) => isReservedKey(name)) || holds(value, (_, key) => isReservedKey(key)))
    return refused("it holds a key that machines keep for themselves");
  if (holds(value, (text) => text.includes("${{"))) return refused("a run gives values, no expressions");
  return undefined;
}

/** Whether a text in a value, or one of its keys, is one of those. */
function holds(value: JsonValue, is: (text: string, key: string) => boolean, key = ""): boolean {
  if (typeof value === "string") return is(value, key);
  if (Array.isArray(value)) return value.some((one: JsonValue) => holds(one, is));
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([name, one]) => is("", name) || holds(one, is, name));
}

type Tree = Readonly<Record<string, JsonValue>>;
const isMap = (value: JsonValue | undefined): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A copy with another value at a path; null takes a key away. Undefined where the path leads through a text or beyond a list. */
function withValue(tree: JsonValue | undefined, path: readonly string[], value: JsonValue): JsonValue | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  if (Array.isArray(tree)) {
    const index = /^(?:0|[1-9]\d{0,5})$/.test(name) ? Number(name) : tree.length;
    if (index >= tree.length || (rest.length === 0 && value === null)) return undefined;
    const item = withValue(tree[index], rest, value);
    return item === undefined ? undefined : tree.with(index, item);
  }
  if (tree !== undefined && !isMap(tree)) return undefined;
  const others = Object.entries(tree ?? {}).filter(([key]) => key !== name);
  if (rest.length === 0 && value === null) return Object.fromEntries(others);
  const given = tree !== undefined && Object.hasOwn(tree, name) ? tree[name] : undefined;
  const made = withValue(given, rest, value);
  return made === undefined ? undefined : Object.fromEntries([...others, [name, made]]);
}

/** Actions, outputs and those of the run in their long form, so that each of their fields has a place of its own. */
function longForm(source: JsonValue): JsonValue {
  if (!isMap(source)) return source;
  const { tasks, hooks, outputs } = source;
  return {
    ...source,
    ...(isMap(tasks) ? { tasks: each(tasks, longTask) } : {}),
    ...(isMap(hooks) ? { hooks: longHooks(hooks) } : {}),
    ...(isMap(outputs) ? { outputs: each(outputs, (one) => (isMap(one) ? one : { value: one })) } : {}),
  };
}

const each = (map: Tree, long: (value: JsonValue) => JsonValue): Tree =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [name, long(value)]));

function longTask(task: JsonValue): JsonValue {
  if (!isMap(task)) return task;
  const { hooks, outputs } = task;
  return {
    ...longAction(task),
    ...(isMap(hooks) ? { hooks: longHooks(hooks) } : {}),
    ...(isMap(outputs) ? { outputs: each(outputs, (one) => (isMap(one) ? one : { type: one })) } : {}),
  };
}

const longHooks = (hooks: Tree): Tree =>
  each(hooks, (entries) =>
    Array.isArray(entries) ? entries.map((one: JsonValue) => (isMap(one) ? longAction(one) : one)) : entries,
  );

const longAction = (task: Tree): Tree =>
  Object.fromEntries(
    Object.entries(task).map(([key, value]) => {
      const field = Object.hasOwn(shortField, key) ? shortField[key as keyof typeof shortField] : undefined; // an own key
      return [key, field !== undefined && typeof value === "string" ? { [field]: value } : value];
    }),
  );
