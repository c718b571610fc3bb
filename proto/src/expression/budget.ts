// What one evaluation may cost, and how a macro is made to pay.
//  B1. Without macros an expression is bounded by 300 nodes. Each round of a macro, and each list or text that a round
//      touches, pays steps; above `stepsMax` the evaluation ends. Steps are counted, not timed, so a replay agrees.
//  B2. Evaluation is synchronous, so one counter and one status are enough.
import { childrenOf, isListMacro, parseTree, type ASTNode } from "./syntax.ts";

/** About 50 ms on one core of the machines it was measured on. */
export const stepsMax = 300_000;

export class StepsExceeded extends Error {}

/** What the status functions answer for one condition. */
export interface ConditionStatus {
  /** Every need is ok or tolerated. */
  readonly success: boolean;
  /** One need failed, or was skipped behind a failure. */
  readonly failure: boolean;
  /** The run is being cancelled or its time is up. */
  readonly cancelled: boolean;
}

let stepsLeft = 0;
let status: ConditionStatus | undefined;

export function spend(steps: number): void {
  stepsLeft -= steps;
  if (stepsLeft < 0) throw new StepsExceeded(`the expression needs more than ${stepsMax} steps`);
}

export function currentStatus(): ConditionStatus {
  if (status === undefined) throw new Error("the status functions are for `if` only");
  return status;
}

/** Runs one evaluation with a fresh budget. */
export function withBudget<T>(given: ConditionStatus | undefined, evaluate: () => T): T {
  stepsLeft = stepsMax;
  status = given;
  try {
    return evaluate();
  } finally {
    status = undefined;
  }
}

const binary = new Set(["+", "==", "!=", "in"]);
const optionalMethods = new Set(["orValue", "or", "hasValue", "value"]);

/** The expression with its macros made to pay; the same text where it has none. */
export function withPaidMacros(text: string): string {
  const inserts: { readonly at: number; readonly text: string; readonly rank: number }[] = [];
  const wrap = (node: ASTNode, name: string): void => {
    const { start, end } = node.range;
    inserts.push({ at: start, text: `${name}(`, rank: start - end }, { at: end, text: ")", rank: end - start });
  };
  const visit = (node: ASTNode, inMacro: boolean): void => {
    if (node.op === "call" && node.args[0] === "has") return;
    if (node.op === "rcall" && isListMacro(node)) {
      const [, receiver, args] = node.args;
      visit(receiver, inMacro);
      for (const body of args.slice(1)) {
        wrap(body, "capstanStep");
        visit(body, true);
      }
      return;
    }
    if (inMacro && binary.has(node.op)) {
      for (const child of childrenOf(node)) if (child.op !== "value") wrap(child, "capstanSize");
    }
    if (inMacro && node.op === "rcall" && !optionalMethods.has(node.args[0])) wrap(node.args[1], "capstanSize");
    for (const child of childrenOf(node)) visit(child, inMacro);
  };
  visit(parseTree(text), false);
  if (inserts.length === 0) return text;
  // At one place the closing ones come first, the innermost before the outer; then the opening ones, outermost first.
  const order = (text: string): number => (text === ")" ? 0 : 1);
  inserts.sort((a, b) => a.at - b.at || order(a.text) - order(b.text) || a.rank - b.rank);
  let paid = "";
  let from = 0;
  for (const insert of inserts) {
    paid += text.slice(from, insert.at) + insert.text;
    from = insert.at;
  }
  return paid + text.slice(from);
}
