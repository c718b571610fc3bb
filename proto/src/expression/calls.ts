// Guards on what an expression calls, found in its tree: unknown functions, patterns, depth of macros.
import { functionNames } from "./environment.ts";
import { guess } from "./nearest.ts";
import { patternError } from "./pattern.ts";
import { statusFunctions } from "./references.ts";
import type { Scope } from "./scope.ts";
import { childrenOf, isListMacro, walkTree, type ASTNode } from "./syntax.ts";

export interface ExpressionProblem {
  readonly code: string;
  readonly detail: string;
  readonly hint?: string;
  /** Offset in the expression. */
  readonly at: number;
}

const macroDepthMax = 2;

const callHints: Readonly<Record<string, string>> = {
  matches: "use re, which is linear: s.re(p)",
  now: "use run.startedAt, so that a replay agrees",
  bind: "write the expression twice, or let a task compute it",
  default: "use .orValue(…) behind .?",
};

/** What is wrong with the calls of an expression. */
export function callProblems(tree: ASTNode, scope: Scope): readonly ExpressionProblem[] {
  const problems: ExpressionProblem[] = [];
  const status: ReadonlySet<string> = new Set(statusFunctions);
  walkTree(tree, (node) => {
    if (node.op !== "call" && node.op !== "rcall") return undefined;
    const name = node.args[0];
    const at = node.op === "call" ? node.start : node.pos;
    if (!functionNames.has(name) || name === "matches" || name === "bind") {
      const hint = callHints[name] ?? guess(name, functionNames);
      problems.push({
        code: "unknown_function",
        detail: `${name} is not a function here`,
        at,
        ...(hint === undefined ? {} : { hint }),
      });
    } else if (status.has(name) && node.op === "call" && !scope.statusFunctions) {
      problems.push({ code: "not_available_here", detail: `${name}() is for \`if\` only`, at });
    } else if (name === "re" || name === "reFind") {
      const pattern = node.op === "rcall" ? node.args[2][0] : undefined;
      if (pattern?.op === "value" && typeof pattern.args === "string") {
        const wrong = patternError(pattern.args);
        if (wrong !== undefined) problems.push({ code: "bad_pattern", detail: wrong, at: pattern.start });
      }
    }
    return undefined;
  });
  if (macroDepth(tree) > macroDepthMax) {
    problems.push({
      code: "expression_too_complex",
      detail: `list macros may be at most ${macroDepthMax} deep, and chained ones count`,
      hint: "let a task compute it",
      at: 0,
    });
  }
  return problems;
}

function macroDepth(node: ASTNode): number {
  let deepest = 0;
  for (const part of childrenOf(node)) deepest = Math.max(deepest, macroDepth(part));
  return isListMacro(node) ? deepest + 1 : deepest;
}
