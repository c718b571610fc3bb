import { referencesOf } from "../expression/references.ts";
import type { ASTNode } from "../expression/syntax.ts";
import { normalizedExpression } from "../expression/template.ts";

const isSecretPath = (node: ASTNode): boolean =>
  (node.op === "." || node.op === "[]") && node.args[0].op === "id" && node.args[0].args === "secrets";

/** True for a secret that is passed on whole: `secrets.X`, or one of two by a condition. */
export function isWholeSecret(tree: ASTNode): boolean {
  if (isSecretPath(tree)) return true;
  if (tree.op !== "?:") return false;
  const [condition, yes, no] = tree.args;
  return (
    isWholeSecret(yes) &&
    isWholeSecret(no) &&
    !referencesOf(normalizedExpression(sourceOf(condition))).some(({ root }) => root === "secrets")
  );
}

const sourceOf = (node: ASTNode): string => node.input.slice(node.range.start, node.range.end);
