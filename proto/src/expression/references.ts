// Which names an expression refers to, found in its tree: the edges of the graph, the context of an offer, the types
// that a check needs.
import { childrenOf, parseTree, walkTree, type ASTNode } from "./syntax.ts";

/** One step of a path; `optional` where it was written `.?name` or `[?"name"]`. */
export interface PathStep {
  readonly name: string;
  readonly optional: boolean;
  /** Offset of the name in the expression. */
  readonly at: number;
}
/** A name with the fields that follow it, as far as they are literal: `tasks.load.outputs.rows`. */
export interface Reference {
  readonly root: string;
  readonly at: number;
  readonly steps: readonly PathStep[];
  /** True where an index that is computed follows, so that any field may be meant. */
  readonly open: boolean;
  /** Offset behind the last step. */
  readonly end: number;
  /** True where it can be replaced by its value: no `.?`, no computed index, not the argument of `has`. */
  readonly replaceable: boolean;
}

const simplePath = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const words = new Set(["true", "false", "null", "in"]);

/** The names of a plain path such as `inputs.url`, or undefined for any other expression. */
export function plainPathOf(text: string): readonly string[] | undefined {
  if (!simplePath.test(text)) return undefined;
  const names = text.split(".");
  return names.some((name) => words.has(name)) ? undefined : names;
}

const referencesMax = 10_000;
const found = new Map<string, readonly Reference[]>();

/** All references of an expression, in the order of the text; iteration variables of macros are none. Cached. */
export function referencesOf(text: string): readonly Reference[] {
  const known = found.get(text);
  if (known !== undefined) return known;
  const path = plainPathOf(text);
  const references = path === undefined ? collect(parseTree(text)) : [plainReference(path)];
  if (found.size >= referencesMax) found.clear();
  found.set(text, references);
  return references;
}

function plainReference(path: readonly string[]): Reference {
  const [root = "", ...names] = path;
  let at = root.length + 1;
  const steps = names.map((name) => {
    const step = { name, optional: false, at };
    at += name.length + 1;
    return step;
  });
  return { root, at: 0, steps, open: false, end: at - 1, replaceable: true };
}

function collect(tree: ASTNode): readonly Reference[] {
  const references: Reference[] = [];
  walkTree(tree, (node, bound) => {
    if (node.op === "call" && node.args[0] === "has") {
      for (const argument of node.args[1]) {
        const asked = pathOf(argument)?.reference;
        if (asked !== undefined && !bound.has(asked.root)) references.push({ ...asked, replaceable: false });
      }
      return false;
    }
    const path = pathOf(node);
    if (path === undefined) return undefined;
    if (!bound.has(path.reference.root)) references.push(path.reference);
    for (const index of path.indexes) walkTree(index, (inner, more) => visitIndex(inner, more, bound, references));
    return false;
  });
  return references;
}

/** Computed indexes hold references of their own: `inputs.map[inputs.key]`. */
function visitIndex(
  node: ASTNode,
  inner: ReadonlySet<string>,
  outer: ReadonlySet<string>,
  references: Reference[],
): boolean | undefined {
  const path = pathOf(node);
  if (path === undefined) return undefined;
  if (!outer.has(path.reference.root) && !inner.has(path.reference.root)) references.push(path.reference);
  for (const index of path.indexes) walkTree(index, (next, more) => visitIndex(next, more, outer, references));
  return false;
}

/** The reference that a chain of accesses is, with the computed indexes in it; undefined where it starts elsewhere. */
function pathOf(node: ASTNode): { readonly reference: Reference; readonly indexes: readonly ASTNode[] } | undefined {
  const chain: ASTNode[] = [];
  let at: ASTNode | undefined = node;
  while (at !== undefined && (at.op === "." || at.op === ".?" || at.op === "[]" || at.op === "[?]")) {
    chain.unshift(at);
    at = childrenOf(at)[0];
  }
  if (at?.op !== "id") return undefined;
  const steps: PathStep[] = [];
  const indexes: ASTNode[] = [];
  let open = false;
  for (const access of chain) {
    if (access.op === "." || access.op === ".?") {
      if (!open) steps.push({ name: access.args[1], optional: access.op === ".?", at: access.pos });
    } else if (access.op === "[]" || access.op === "[?]") {
      const index = access.args[1];
      if (index.op === "value" && typeof index.args === "string") {
        if (!open) steps.push({ name: index.args, optional: access.op === "[?]", at: index.start + 1 });
      } else {
        open = true;
        indexes.push(index);
      }
    }
  }
  const replaceable = !open && steps.every((step) => !step.optional);
  return { reference: { root: at.args, at: at.pos, steps, open, end: node.range.end, replaceable }, indexes };
}

export const statusFunctions = ["success", "failure", "cancelled", "always"] as const;
export type StatusFunction = (typeof statusFunctions)[number];

const statusCalls = new Map<string, readonly StatusFunction[]>();

/** Which of `success() failure() cancelled() always()` a condition calls. Text that does not parse calls none. */
export function statusCallsIn(text: string): readonly StatusFunction[] {
  const known = statusCalls.get(text);
  if (known !== undefined) return known;
  const calls = new Set<StatusFunction>();
  try {
    walkTree(parseTree(text), (node) => {
      if (node.op !== "call") return undefined;
      const name = statusFunctions.find((status) => status === node.args[0]);
      if (name !== undefined) calls.add(name);
      return undefined;
    });
  } catch {
    // The checker reports the syntax; here there is nothing to call.
  }
  if (statusCalls.size >= referencesMax) statusCalls.clear();
  const list = [...calls];
  statusCalls.set(text, list);
  return list;
}
