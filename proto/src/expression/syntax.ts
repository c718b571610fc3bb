// The one place that parses CEL and walks its tree. Parsed texts are cached: a tree depends on nothing but its text.
import { Environment, ParseError, type ASTNode } from "@marcbachmann/cel-js";

export type { ASTNode } from "@marcbachmann/cel-js";

/** Limits of one expression; both bound what an evaluation can cost. */
export const expressionLimits = { maxAstNodes: 300, maxDepth: 24 } as const;
export const expressionCharactersMax = 4096;

export const environmentOptions = {
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
  limits: expressionLimits,
} as const;

const grammar = new Environment(environmentOptions);
const treesMax = 10_000;
const trees = new Map<string, ASTNode>();

/**
 * The tree of an expression.
 * @throws ParseError of the library, with `code` and `range`
 */
export function parseTree(text: string): ASTNode {
  const known = trees.get(text);
  if (known !== undefined) return known;
  if (text.length > expressionCharactersMax) {
    throw new ParseError({ code: "max_characters", message: `more than ${expressionCharactersMax} characters` });
  }
  const tree = grammar.parse(text).ast;
  if (trees.size >= treesMax) trees.clear();
  trees.set(text, tree);
  return tree;
}

/** The parts of a node that are nodes themselves, in the order of the text. */
export function childrenOf(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case "value":
    case "id":
      return [];
    case ".":
    case ".?":
      return [node.args[0]];
    case "call":
      return node.args[1];
    case "rcall":
      return [node.args[1], ...node.args[2]];
    case "list":
      return node.args;
    case "map":
      return node.args.flat();
    case "!_":
    case "-_":
      return [node.args];
    default:
      return node.args;
  }
}

const macroNames = new Set(["map", "filter", "all", "exists", "exists_one"]);

/** The list macros, which run their last arguments once per item. */
export const isListMacro = (node: ASTNode): boolean =>
  node.op === "rcall" && node.args[2].length >= 2 && macroNames.has(node.args[0]);

/** Visits each node once, parents first. `bound` holds the iteration variables of the macros around it. */
export function walkTree(
  node: ASTNode,
  visit: (node: ASTNode, bound: ReadonlySet<string>) => boolean | undefined,
  bound: ReadonlySet<string> = new Set(),
): void {
  if (visit(node, bound) === false) return;
  if (node.op === "rcall" && isListMacro(node)) {
    const [, receiver, args] = node.args;
    walkTree(receiver, visit, bound);
    const [variable, ...bodies] = args;
    const inner = variable?.op === "id" ? new Set([...bound, variable.args]) : bound;
    for (const body of bodies) walkTree(body, visit, inner);
    return;
  }
  for (const child of childrenOf(node)) walkTree(child, visit, bound);
}
