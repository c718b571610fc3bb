// The graph of a workflow: what each task needs, in both directions.
import type { CanonicalWorkflow } from "./canonical.ts";

export interface Graph {
  /** Task id → ids that it needs, sorted. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
  /** Task id → ids that need it, sorted. */
  readonly neededBy: ReadonlyMap<string, readonly string[]>;
}

const graphs = new WeakMap<CanonicalWorkflow, Graph>();

/** The edges of a document. A canonical document has no cycle and names no unknown task. Made once. */
export function graphOf(document: CanonicalWorkflow): Graph {
  const known = graphs.get(document);
  if (known !== undefined) return known;
  const needs = new Map<string, readonly string[]>();
  const neededBy = new Map<string, string[]>();
  const ids = Object.keys(document.tasks).sort();
  for (const id of ids) neededBy.set(id, []);
  for (const id of ids) {
    const list = document.tasks[id]?.needs ?? [];
    needs.set(id, list);
    for (const need of list) neededBy.get(need)?.push(id);
  }
  const graph = { needs, neededBy };
  graphs.set(document, graph);
  return graph;
}

/** One cycle as a path that ends where it began (`a`, `b`, `a`), or undefined. */
export function findCycle(needs: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  for (const start of [...needs.keys()].sort()) {
    if (done.has(start)) continue;
    // Iterative: a chain of a thousand tasks must not need a deep stack.
    const path: string[] = [];
    const onPath = new Set<string>();
    const work: { readonly id: string; next: number }[] = [{ id: start, next: 0 }];
    path.push(start);
    onPath.add(start);
    while (work.length > 0) {
      const top = work[work.length - 1];
      if (top === undefined) break;
      const need = needs.get(top.id)?.[top.next++];
      if (need === undefined) {
        work.pop();
        path.pop();
        onPath.delete(top.id);
        done.add(top.id);
      } else if (onPath.has(need)) {
        return [...path.slice(path.indexOf(need)), need];
      } else if (!done.has(need) && needs.has(need)) {
        work.push({ id: need, next: 0 });
        path.push(need);
        onPath.add(need);
      }
    }
  }
  return undefined;
}
