// Evaluation of expressions and of JSON trees that hold them.
//  E1. A plain path (`inputs.url`) is looked up in the JSON; anything else is compiled once per scope and text.
//  E2. `secrets.X` yields the mark `{ "$secret": "X" }`. No value of a secret is ever inside an evaluation.
//  E3. A failing evaluation throws `expression_failed` or `expression_timeout` with the expression and the reason.
import type { ParseResult } from "@marcbachmann/cel-js";
import { AppError } from "../error/app-error.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import { isExpr, isText, type DynamicJson, type DynamicText, type Expr } from "../workflow/canonical.ts";
import { StepsExceeded, withBudget, withPaidMacros, type ConditionStatus } from "./budget.ts";
import { callProblems } from "./calls.ts";
import { jsonOf } from "./cel-value.ts";
import { flattened, type FlatExpression } from "./flatten.ts";
import { lookUp, type ExpressionContext } from "./look-up.ts";
import { plainPathOf, referencesOf } from "./references.ts";
import { untypedScope, type Scope } from "./scope.ts";
import type { Shape } from "./shape.ts";
import { parseTree } from "./syntax.ts";
import { durationText } from "./time-format.ts";

export interface EvaluationOptions {
  /** Types of the variables; without it whole numbers are ints. Give the one of `scopeOf(document, …)`. */
  readonly scope?: Scope;
  /** For `if` only. */
  readonly status?: ConditionStatus;
}

export const resultBytesMax = 1024 * 1024;

/**
 * The value of an expression.
 * @throws expression_failed for a missing name, an overflow, a division by zero, a value without JSON
 * @throws expression_timeout above the budget of steps
 */
export function evaluateExpression(expr: Expr, context: ExpressionContext, options: EvaluationOptions = {}): JsonValue {
  const text = expr.$expr;
  const path = plainPathOf(text);
  if (path !== undefined) return valueAt(text, path, context, options.scope ?? untypedScope);
  return evaluateCompiled(text, context, options);
}

/** The value of text with expressions: always a string, except where it is one expression alone. */
export function evaluateText(
  text: DynamicText,
  context: ExpressionContext,
  options: EvaluationOptions = {},
): JsonValue {
  if (typeof text === "string") return text;
  if (isExpr(text)) return evaluateExpression(text, context, options);
  let joined = "";
  for (const part of text.$text) {
    joined += typeof part === "string" ? part : textOf(part.$expr, evaluateExpression(part, context, options));
  }
  return joined;
}

/** Replaces each expression and text in a JSON tree by its value. */
export function evaluateTree(
  tree: DynamicJson,
  context: ExpressionContext,
  options: EvaluationOptions = {},
): JsonValue {
  if (typeof tree !== "object" || tree === null) return tree;
  if (Array.isArray(tree)) return tree.map((item: DynamicJson) => evaluateTree(item, context, options));
  if (isExpr(tree)) return evaluateExpression(tree, context, options);
  if (isText(tree)) return evaluateText(tree, context, options);
  const values: Record<string, JsonValue> = {};
  for (const [key, item] of Object.entries(tree)) values[key] = evaluateTree(item as DynamicJson, context, options); // Array.isArray does not narrow readonly arrays away
  return values;
}

/** Whether a condition holds. @throws expression_failed also where it is no bool */
export function evaluateCondition(expr: Expr, context: ExpressionContext, options: EvaluationOptions = {}): boolean {
  const value = evaluateExpression(expr, context, options);
  if (typeof value !== "boolean") throw failed(expr.$expr, "a condition needs true or false");
  return value;
}

/** The values of the names that an expression uses, for people: `tasks.select.outputs.accuracy` → 0.91. */
export function valuesUsed(expr: Expr, context: ExpressionContext): Readonly<Record<string, JsonValue>> {
  const values: Record<string, JsonValue> = {};
  for (const reference of referencesOf(expr.$expr)) {
    if (reference.root === "secrets") continue;
    const path = [reference.root, ...reference.steps.map((step) => step.name)];
    const value = lookUp(path, context);
    if (value !== undefined) values[path.join(".")] = value;
  }
  return values;
}

const failed = (text: string, reason: string, cause?: unknown): AppError =>
  new AppError("expression_failed", `\${{ ${shortened(text)} }}: ${reason}`, cause === undefined ? {} : { cause });

const shortened = (text: string): string => (text.length > 200 ? `${text.slice(0, 199)}…` : text);

function textOf(text: string, value: JsonValue): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw failed(text, "only text, numbers, true and false, times and durations can stand within a text");
}

function valueAt(text: string, path: readonly string[], context: ExpressionContext, scope: Scope): JsonValue {
  const [root = "", name] = path;
  if (root === "secrets" && name !== undefined && path.length === 2) return { $secret: name };
  const value = lookUp(path, context);
  if (value === undefined) throw failed(text, `there is no ${path.join(".")}`);
  return root === "run" || root === "trigger" ? timeText(value, shapeAt(path, scope)) : value;
}

function shapeAt(path: readonly string[], scope: Scope): Shape | undefined {
  const [root = "", ...names] = path;
  let shape: Shape | undefined = scope.roots[root];
  for (const name of names) shape = shape?.kind === "object" ? shape.fields[name]?.shape : undefined;
  return shape;
}

/** Times and durations leave an expression as text, whether they were compiled or looked up. */
function timeText(value: JsonValue, shape: Shape | undefined): JsonValue {
  if (shape?.kind === "timestamp" && (typeof value === "string" || typeof value === "number"))
    return jsonOf(new Date(value));
  if (shape?.kind === "duration" && typeof value === "number") return durationText(value);
  return value;
}

interface Compiled {
  readonly run: ParseResult;
  readonly flat: FlatExpression;
}

const compiledMax = 2000;
const compiledBy = new WeakMap<Scope, Map<string, Compiled>>();

function compile(text: string, scope: Scope): Compiled {
  let known = compiledBy.get(scope);
  if (known === undefined) {
    known = new Map();
    compiledBy.set(scope, known);
  }
  const found = known.get(text);
  if (found !== undefined) return found;
  // The checker has asked already; an agent asks again, because its document came over a wire.
  const [refused] = callProblems(parseTree(text), scope);
  if (refused !== undefined) throw new Error(refused.detail);
  const flat = flattened(text, scope);
  const run = flat.environment.parse(withPaidMacros(flat.text));
  // Checked once, so that overloads are chosen now and not at each evaluation; what does not check fails when it runs.
  run.check();
  const compiled = { run, flat };
  if (known.size >= compiledMax) known.clear();
  known.set(text, compiled);
  return compiled;
}

/** Secrets by name, as the conversion wants them: a text that becomes a mark. */
const secretNames: JsonObject = new Proxy(
  {},
  {
    get: (_, name) => (typeof name === "string" ? name : undefined),
    getOwnPropertyDescriptor: (_, name) => ({ value: name, enumerable: true, configurable: true }),
    has: () => true,
  },
);

function evaluateCompiled(text: string, context: ExpressionContext, options: EvaluationOptions): JsonValue {
  let flat: FlatExpression | undefined;
  try {
    const compiled = compile(text, options.scope ?? untypedScope);
    const { run } = compiled;
    flat = compiled.flat;
    const variables = flat.values({ ...context, secrets: secretNames });
    const value = withBudget(options.status, () => jsonOf(run(variables)));
    if (typeof value === "string" ? value.length > resultBytesMax : typeof value === "object" && tooLarge(value)) {
      throw failed(text, "its value is larger than 1 MiB");
    }
    return value;
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (hasStepsExceeded(error)) {
      throw new AppError("expression_timeout", `\${{ ${shortened(text)} }} takes too many steps; let a task do it`, {
        cause: error,
      });
    }
    const reason = reasonOf(error);
    throw failed(text, flat?.told(reason) ?? reason, error);
  }
}

const tooLarge = (value: JsonValue): boolean => JSON.stringify(value).length > resultBytesMax;

function hasStepsExceeded(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof StepsExceeded) return true;
  return false;
}

/** The reason alone: the library's message goes on with the source, which we have named already. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "summary" in error && typeof error.summary === "string" ? error.summary : error.message;
}
