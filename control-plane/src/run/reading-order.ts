// The order in which people read the tasks of a run: each after what it needs, those of one step by name, hooks last.
import type { CanonicalWorkflow } from "@capstan/proto";

/**
 * Tasks in the order in which they can run.
 * @returns a copy of `tasks`: by length of the longest chain of needs before each, then as they came; what is no task of
 *   the graph (hooks) stands last, as it came
 */
export function inReadingOrder<T extends { readonly key: string }>(
  tasks: readonly T[],
  document: CanonicalWorkflow | undefined,
): T[] {
  const steps = new Map<string, number>();
  const stepOf = (key: string): number => {
    const known = steps.get(key);
    if (known !== undefined) return known;
    const task = document?.tasks[key];
    const step = task === undefined ? Infinity : 1 + Math.max(-1, ...(task.needs ?? []).map(stepOf));
    steps.set(key, step);
    return step;
  };
  const compare = (a: T, b: T): number => {
    const [first, second] = [stepOf(a.key), stepOf(b.key)];
    return first === second ? 0 : first - second;
  };
  return [...tasks].sort(compare);
}
