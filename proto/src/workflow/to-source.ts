// From a canonical document back to one that an author could have written: `canonicalize` of it gives the same document.
//  R1. What the deploy wrote (the digest of the code) or a request for a run (what it derives from) is left out; what
//      follows from references (`needs`) is too.
//  R2. Maps whose keys are the author's are told from ours, so that an input called `delayMs` stays one.
import type { JsonValue } from "../json.ts";
import { shortField } from "./canonical-action.ts";
import { referredTasks } from "./canonicalize.ts";
import { isExpr, isText, type CanonicalWorkflow } from "./canonical.ts";
import { verifyOf, type CanonicalWebhook } from "./webhook.ts";

type Tree = Readonly<Record<string, unknown>>;
type Source = Record<string, unknown>;

const isMap = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);

/** Keys whose values are the author's own: maps with any keys, values with expressions in them. */
const authors = new Set(
  "with env labels headers query form json body params matrix forEach value default key args command items dedupe".split(
    " ",
  ),
);
/** Keys whose values are what they say, without expressions. */
const plain = new Set(
  "title description owner tags script inline call file entry image call uses pattern format enum const examples cron root include exclude needs".split(
    " ",
  ),
);
const bare = new Set(["if", "expr"]);

const escaped = (text: string): string => text.replaceAll("${{", () => "$${{");

/** A value with its expressions as `${{ }}`. */
function written(value: unknown): unknown {
  if (isExpr(value)) return `\${{ ${value.$expr} }}`;
  if (isText(value))
    return value.$text.map((part) => (typeof part === "string" ? escaped(part) : `\${{ ${part.$expr} }}`)).join("");
  if (typeof value === "string") return escaped(value);
  if (Array.isArray(value)) return value.map(written);
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, written(one)])) : value;
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

/** `5400000` as `1h30m`: exact, unlike what is shown to people. */
function durationText(ms: number): string {
  let rest = ms;
  let text = "";
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === "" ? "0s" : text;
}

function declaration(value: unknown): unknown {
  if (!isMap(value)) return value;
  const { type, ...rest } = value;
  const made: Source = { type };
  for (const [key, one] of Object.entries(rest)) {
    if (key === "default") made[key] = written(one);
    else if (key === "items" || (key === "additionalProperties" && isMap(one))) made[key] = declaration(one);
    else if (key === "properties" && isMap(one)) made[key] = declarations(one);
    else made[key] = one;
  }
  return Object.keys(made).length === 1 && typeof made["type"] === "string" ? made["type"] : made;
}
const declarations = (map: Tree): Source =>
  Object.fromEntries(Object.entries(map).map(([name, one]) => [name, declaration(one)]));

/** A map of ours: durations, conditions and the maps of an author in it are written as one would. */
function ours(map: Tree): Source {
  const made: Source = {};
  for (const [key, value] of Object.entries(map)) {
    if (value === undefined) continue;
    if (key.endsWith("Ms") && typeof value === "number") made[key.slice(0, -2)] = durationText(value);
    else if (bare.has(key) && isExpr(value)) made[key] = value.$expr;
    else if (key === "runsOn" && isMap(value)) made[key] = runsOn(value);
    else if (key === "poll" && isMap(value)) made[key] = poll(value);
    else if (key === "hooks" && isMap(value)) made[key] = hooks(value);
    else if ((key === "outputs" || (key === "form" && !isExpr(value))) && isMap(value) && isDeclared(value))
      made[key] = declarations(value);
    else made[key] = oneOf(key, value);
  }
  return made;
}

function oneOf(key: string, value: unknown): unknown {
  if (authors.has(key)) return written(value);
  if (plain.has(key)) return isExpr(value) || isText(value) ? written(value) : value;
  if (Array.isArray(value))
    return value.map((one) => (isMap(one) && !isExpr(one) && !isText(one) ? ours(one) : written(one)));
  return isMap(value) && !isExpr(value) && !isText(value) ? ours(value) : written(value);
}

/** Declarations have a type each; the form of a request is the author's own. */
const isDeclared = (map: Tree): boolean =>
  Object.values(map).every((one) => isMap(one) && typeof one["type"] === "string");

const runsOn = ({ labels, ...rest }: Tree): Source => ({
  ...ours(rest),
  ...(isMap(labels) ? (written(labels) as Source) : {}),
}); // a map of labels

/** `until` of a wait is text; that of a sensor is a condition. */
const poll = ({ until, ...rest }: Tree): Source => ({
  ...ours(rest),
  ...(isExpr(until) ? { until: until.$expr } : {}),
});

function hooks(map: Tree): Source {
  const entry = ({ action, ...rest }: Tree): Source => {
    const { notify, ...others } = isMap(action) ? action : {};
    return { ...(isMap(notify) ? ours(notify) : shortened(ours(others))), ...ours(rest) };
  };
  return Object.fromEntries(
    Object.entries(map).map(([name, entries]) => [
      name,
      Array.isArray(entries) ? entries.map((one: unknown) => (isMap(one) ? entry(one) : one)) : entries,
    ]),
  );
}

function task(given: Tree): Source {
  const { action, needs, ...rest } = given;
  const { forEach, matrix, with: values, env, outputs, ...others } = ours(rest);
  const implied = referredTasks([action, rest]);
  const own = Array.isArray(needs) ? needs.filter((need: unknown) => !implied.has(String(need))) : [];
  return withoutAbsent({
    ...(isMap(action) ? shortened(ours(action)) : {}),
    forEach,
    matrix,
    with: values,
    env,
    needs: own.length === 0 ? undefined : own,
    ...others,
    outputs,
  });
}

const withoutAbsent = (map: Source): Source =>
  Object.fromEntries(Object.entries(map).filter(([, value]) => value !== undefined));

/** `python: jobs.load:load` for an action that has this one field. */
function shortened(action: Source): Source {
  const [[kind, fields] = ["", undefined]] = Object.entries(action);
  const field = Object.hasOwn(shortField, kind) ? shortField[kind as keyof typeof shortField] : undefined; // an own key
  if (field === undefined || !isMap(fields) || Object.keys(fields).length !== 1) return action;
  return typeof fields[field] === "string" ? { [kind]: fields[field] } : action;
}

/** A run's output: short where it is a text or a number alone. */
function runOutput(given: unknown): unknown {
  if (!isMap(given)) return given;
  const value = written(given["value"]);
  const isShort = Object.keys(given).length === 1 && ["string", "number", "boolean"].includes(typeof value);
  return isShort ? value : { ...given, value };
}

/** Secrets as an author writes them: names alone where each is the project's. */
const secrets = (map: Tree): unknown =>
  Object.values(map).every((reference) => reference === "project") ? Object.keys(map).toSorted() : map;

const hook = ({ dedupe, ...webhook }: CanonicalWebhook): Source => ({
  verify: verifyOf(webhook),
  ...(dedupe === undefined ? {} : { dedupe: written(dedupe) }),
});

/** The inputs of a trigger are the author's own. */
const trigger = ({ inputs, webhook, ...rest }: Tree): Source => ({
  ...ours(rest),
  ...(webhook === undefined ? {} : { webhook: hook(webhook as CanonicalWebhook) }), // of a canonical trigger
  ...(inputs === undefined ? {} : { inputs: written(inputs) }),
});

/** A document that reads as this one, with the same digest where its code has the same. */
export function sourceOfCanonical(document: CanonicalWorkflow): JsonValue {
  const { version, name, inputs, secrets: references, code, tasks, outputs, triggers, derived: _d, ...rest } = document;
  const { bundle: _, ...ownCode } = code ?? {};
  const { hooks: afterwards, ...before } = ours(rest);
  const source: Source = {
    version,
    name,
    ...before,
    ...(triggers === undefined ? {} : { triggers: triggers.map((one) => trigger({ ...one })) }),
    ...(inputs === undefined ? {} : { inputs: declarations(inputs) }),
    ...(references === undefined ? {} : { secrets: secrets(references) }),
    ...(Object.keys(ownCode).length === 0 ? {} : { code: ownCode }),
    tasks: Object.fromEntries(Object.entries(tasks).map(([id, one]) => [id, task({ ...one })])),
    ...(outputs === undefined
      ? {}
      : { outputs: Object.fromEntries(Object.entries(outputs).map(([key, one]) => [key, runOutput(one)])) }),
    ...(afterwards === undefined ? {} : { hooks: afterwards }),
  };
  return source as JsonValue; // made of parts of JSON
}
