// References and the text that they become. A reference is a proxy: reading a property makes a longer path.
//  R1. A reference never becomes text by itself: where JavaScript would make it one, it throws "use expr or text".
//  R2. What a reference stands for is kept outside of it, so that no name of an author's can collide with ours.
import { BuildError } from "./errors.ts";
import type { Expr, Ref, Secret, Textable, Value } from "./value.ts";

interface Cel {
  readonly source: string;
  /** True where the text stands for itself within a larger expression, without parentheses. */
  readonly isWhole: boolean;
  /** The names of a path, for `orValue`; undefined for what is no path. */
  readonly path?: readonly (string | number)[];
}

const cels = new WeakMap<object, Cel>();
const texts = new WeakMap<object, string>();

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;
const step = (name: string | number): string =>
  typeof name === "number"
    ? `[${name}]`
    : namePattern.test(name)
      ? `.${name}`
      : /^\d+$/.test(name)
        ? `[${name}]`
        : `[${JSON.stringify(name)}]`;

const pathSource = ([root = "", ...names]: readonly (string | number)[]): string =>
  `${root}${names.map(step).join("")}`;

function refuse(cel: string, doing: string): never {
  throw new BuildError(
    "type_mismatch",
    `${cel} has no value yet and cannot be ${doing}: it is known when the run gets there; use expr or text`,
  );
}

/** A reference to a path: `refTo(["tasks", "load", "outputs", "rows"])`. */
export function refTo<T>(path: readonly (string | number)[]): Ref<T> {
  const source = pathSource(path);
  const parts = new Map<string, unknown>();
  const ref: object = new Proxy(Object.freeze({}), {
    get: (_, name) => {
      if (name === Symbol.toPrimitive) return () => refuse(source, "made into text or compared");
      if (name === Symbol.iterator) return () => refuse(source, "looped over (map makes a task of each item)");
      if (name === Symbol.for("nodejs.util.inspect.custom")) return () => `Ref(${source})`;
      if (typeof name === "symbol") return undefined;
      if (name === "toJSON") return () => refuse(source, "written as JSON");
      if (!parts.has(name)) parts.set(name, refTo([...path, name]));
      return parts.get(name);
    },
    ownKeys: () => refuse(source, "taken apart"),
    has: (_, name) => refuse(source, `asked for ${String(name)}`),
  });
  cels.set(ref, { source, isWhole: true, path });
  return ref as Ref<T>; // the proxy has every property
}

function expression(source: string, isWhole = false): Expr {
  const made = Object.freeze({ toString: () => refuse(source, "made into text") });
  cels.set(made, { source, isWhole });
  return made as unknown as Expr; // its value is known to the run alone
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** The CEL that a value is, or undefined where it is none. */
export const celOf = (value: unknown): string | undefined => (isObject(value) ? cels.get(value)?.source : undefined);
/** The text with `${{ }}` in it that a value is, or undefined. */
export const textOf = (value: unknown): string | undefined => (isObject(value) ? texts.get(value) : undefined);

/** A value as part of an expression. */
function literal(value: unknown): string {
  if (isObject(value)) {
    const cel = cels.get(value);
    if (cel !== undefined) return cel.isWhole ? cel.source : `(${cel.source})`;
    if (texts.has(value))
      throw new BuildError("expression_syntax", "a text cannot stand in an expression; write it with +");
    if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
    if (Object.getPrototypeOf(value) === Object.prototype)
      return `{${Object.entries(value)
        .map(([key, item]) => `${JSON.stringify(key)}: ${literal(item)}`)
        .join(", ")}}`;
  }
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "boolean" || value === null) return String(value);
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  throw new BuildError("expression_syntax", `${describe(value)} cannot stand in an expression`);
}

const describe = (value: unknown): string =>
  isObject(value)
    ? "an object of ours (a task, a schema)"
    : typeof value === "number"
      ? String(value)
      : `a ${typeof value}`;

/**
 * CEL with references in it: ``expr`${best.outputs.accuracy} >= ${inputs.threshold}` ``. Other values become literals.
 * Its type is checked when the workflow is validated.
 */
export function expr(
  strings: TemplateStringsArray,
  ...values: readonly (Textable | Value<unknown> | Secret | null)[]
): Expr {
  const source = strings.raw.map((part, i) => part + (i < values.length ? literal(values[i]) : "")).join("");
  if (source.trim() === "") throw new BuildError("expression_syntax", "the expression is empty");
  return expression(source.trim());
}

const escaped = (part: string): string => part.replaceAll("${{", () => "$${{");

/** Text with references in it: ``text`${data.outputs.version}/model.bin` ``. Secrets and files cannot stand in it. */
export function text(strings: TemplateStringsArray, ...values: readonly Textable[]): Value<string> {
  let source = "";
  for (const [i, part] of strings.entries()) {
    source += escaped(part);
    if (i >= values.length) break;
    const value = values[i];
    const cel = celOf(value);
    if (cel === undefined) {
      if (isObject(value)) throw new BuildError("not_text", `${describe(value)} cannot stand in a text`);
      source += escaped(String(value));
    } else {
      // A dollar sign before an expression would make it literal.
      if (source.endsWith("$")) source = `${source.slice(0, -1)}\${{ "$" }}`;
      source += `\${{ ${cel} }}`;
    }
  }
  const made = Object.freeze({});
  texts.set(made, source);
  return made as unknown as Value<string>; // as above
}

/** `percent(x)`: `0.915` as `91.5 %`, as the language writes it. */
export const percent = (value: number | Value<number>, digits?: number): Value<string> =>
  expression(`percent(${literal(value)}${digits === undefined ? "" : `, ${digits}`})`, true);

/**
 * The value of a reference that may be missing (an output of a task with `if`, an optional input), or else another one.
 * @throws BuildError for anything but a reference
 */
export function orValue<T>(ref: Value<T>, fallback: NoInfer<T> | Value<NoInfer<T>>): Value<T> {
  const path = cels.get(ref)?.path;
  if (path === undefined) throw new BuildError("expression_syntax", "orValue takes a reference");
  // A task's `outputs` may be missing as a whole.
  const [root = "", ...names] = path;
  const sure = root === "tasks" ? 1 : 0;
  const steps = names.map((name, i) => (i < sure ? step(name) : step(name).replace(/^\./, ".?").replace(/^\[/, "[?")));
  return expression(`${root}${steps.join("")}.orValue(${literal(fallback)})`, true);
}

/** A secret of the workflow, as the fields that take one name it. */
export function secretTo(name: string): Secret {
  return expression(`secrets.${name}`, true) as unknown as Secret; // a secret is passed on, as an expression is
}

/** In `if` alone: every need ended well; one failed; the run is being cancelled or its time is up; in any case. */
export const success = (): Expr => expression("success()", true);
export const failure = (): Expr => expression("failure()", true);
export const cancelled = (): Expr => expression("cancelled()", true);
export const always = (): Expr => expression("always()", true);
