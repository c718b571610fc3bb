// What `forEach` and `matrix` say: where the items come from, how many run at once, and when enough have succeeded.
import type { JsonObject, JsonValue } from "../json.ts";
import { evaluateExpression, evaluateTree, type EvaluationOptions } from "../expression/evaluate.ts";
import type { ExpressionContext } from "../expression/look-up.ts";
import { referencesOf } from "../expression/references.ts";
import { isExpr, type CanonicalMatrix, type CanonicalTask, type Chain, type DynamicJson } from "./canonical.ts";

/** Items of one mapped task. */
export const itemsMax = 10_000;
/** Items of one mapped task as JSON text. */
export const itemsBytesMax = 1024 * 1024;
/** Task runs of one run, index task runs included. */
export const taskRunsMax = 50_000;
export const defaultMaxParallel = 50;
/** Keys of `matrix` that are no lists of the product. */
export const matrixWords = ["include", "exclude"] as const;

type Mapped = Pick<CanonicalTask, "forEach" | "matrix">;

const isChain = (value: CanonicalTask["forEach"]): value is Chain =>
  typeof value === "object" && !Array.isArray(value) && Object.hasOwn(value, "chain");

/** True for a task that has an index task run per item. */
export const isMapped = (task: Mapped): boolean => task.forEach !== undefined || task.matrix !== undefined;

/** The task that this one is chained to. */
export const chainOf = (task: Mapped): string | undefined => (isChain(task.forEach) ? task.forEach.chain : undefined);

/**
 * Whether `if` is asked for each index: in a chain, and where it names `item`, `index` or `prev`. Otherwise it is asked
 * once, before the list is computed.
 */
export function asksEachIndex(task: Pick<CanonicalTask, "forEach" | "matrix" | "if">): boolean {
  if (task.if === undefined || !isMapped(task)) return false;
  if (chainOf(task) !== undefined) return true;
  return referencesOf(task.if.$expr).some(({ root }) => root === "item" || root === "index" || root === "prev");
}

/** How many of `counted` indexes must succeed: the count, or the share of them rounded up. */
export function neededOf(minSuccess: CanonicalTask["minSuccess"], counted: number): number {
  if (typeof minSuccess === "number") return minSuccess;
  const share = minSuccess === undefined ? 100 : Number(minSuccess.slice(0, -1));
  return Math.ceil((share * counted) / 100);
}

export type Items =
  | { readonly kind: "items"; readonly items: readonly JsonValue[] }
  /** `count`: how many there would be. */
  | { readonly kind: "too_many"; readonly count: number }
  | { readonly kind: "wrong"; readonly message: string };

/**
 * The items of a mapped task that is no chain, in the order of its indexes.
 * @throws expression_failed, expression_timeout
 */
export function itemsOf(task: Mapped, context: ExpressionContext, options: EvaluationOptions): Items {
  const found =
    task.matrix === undefined
      ? listOf("forEach", task.forEach as DynamicJson | undefined, context, options) // a list or an expression: no chain
      : productOf(task.matrix, context, options);
  if (found.kind !== "items") return found;
  if (found.items.length > itemsMax) return { kind: "too_many", count: found.items.length };
  const bytes = new TextEncoder().encode(JSON.stringify(found.items)).length;
  if (bytes <= itemsBytesMax) return found;
  return { kind: "wrong", message: `its items are ${bytes} bytes of JSON, and at most ${itemsBytesMax} are kept` };
}

function listOf(
  name: string,
  tree: DynamicJson | undefined,
  context: ExpressionContext,
  options: EvaluationOptions,
): Items {
  const value = isExpr(tree) ? evaluateExpression(tree, context, options) : evaluateTree(tree ?? [], context, options);
  if (Array.isArray(value)) return { kind: "items", items: value };
  return { kind: "wrong", message: `${name} needs a list, and this is ${nounOf(value)}` };
}

const nounOf = (value: JsonValue): string =>
  value === null ? "null" : typeof value === "object" ? "a map" : `the ${typeof value} ${JSON.stringify(value)}`;

const isMap = (value: JsonValue): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Keys in alphabetical order, the last varies fastest; without what `exclude` matches; `include` behind them. */
function productOf(matrix: CanonicalMatrix, context: ExpressionContext, options: EvaluationOptions): Items {
  const axes: { readonly key: string; readonly values: readonly JsonValue[] }[] = [];
  for (const key of Object.keys(matrix).sort()) {
    if (key === "include" || key === "exclude") continue;
    const list = listOf(`matrix.${key}`, matrix[key], context, options);
    if (list.kind !== "items") return list;
    axes.push({ key, values: list.items });
  }
  const include = mapsOf("include", matrix, context, options);
  if (include.kind !== "items") return include;
  const exclude = mapsOf("exclude", matrix, context, options);
  if (exclude.kind !== "items") return exclude;
  const count = axes.length === 0 ? 0 : axes.reduce((product, { values }) => product * values.length, 1);
  // Before any of it is made: ten lists of ten would be ten thousand million items.
  if (count > 10 * itemsMax || (count > itemsMax && exclude.items.length === 0)) return { kind: "too_many", count };
  let product: Record<string, JsonValue>[] = count === 0 ? [] : [{}];
  if (count > 0) {
    for (const { key, values } of axes) {
      product = product.flatMap((item) => values.map((value) => ({ ...item, [key]: value })));
    }
  }
  const kept = product.filter((item) => !exclude.items.some((pattern) => covers(pattern, item)));
  return { kind: "items", items: [...kept, ...include.items] };
}

function mapsOf(
  word: (typeof matrixWords)[number],
  matrix: CanonicalMatrix,
  context: ExpressionContext,
  options: EvaluationOptions,
): Items {
  const list = listOf(`matrix.${word}`, matrix[word], context, options);
  if (list.kind !== "items") return list;
  const wrong = list.items.findIndex((item) => !isMap(item));
  if (wrong < 0) return list;
  return {
    kind: "wrong",
    message: `matrix.${word}[${wrong}] needs to be a map, and it is ${nounOf(list.items[wrong] ?? null)}`,
  };
}

/** True where every key of the pattern has the same value in the item. */
const covers = (pattern: JsonValue, item: JsonObject): boolean =>
  isMap(pattern) &&
  Object.entries(pattern).every(
    ([key, value]) => Object.hasOwn(item, key) && JSON.stringify(item[key]) === JSON.stringify(value),
  );
