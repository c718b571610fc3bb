// Which tasks have succeeded for certain once a run has succeeded.
import type { CanonicalWorkflow } from "./canonical.ts";
import { joinOf } from "./defaults.ts";

/** Tasks without `if` and `allowFailure` whose needs are sure themselves, under `all_success`. */
export function sureAtEnd(document: CanonicalWorkflow): ReadonlySet<string> {
  const sure = new Set<string>();
  const waiting = new Map<string, number>();
  const neededBy = new Map<string, string[]>();
  const ready: string[] = [];
  for (const [id, task] of Object.entries(document.tasks)) {
    if (task.if !== undefined || task.allowFailure === true || joinOf(task) !== "all_success") continue;
    waiting.set(id, task.needs.length);
    for (const need of task.needs) {
      const list = neededBy.get(need);
      if (list === undefined) neededBy.set(need, [id]);
      else list.push(id);
    }
    if (task.needs.length === 0) ready.push(id);
  }
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    sure.add(id);
    for (const next of neededBy.get(id) ?? []) {
      const left = (waiting.get(next) ?? 0) - 1;
      waiting.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  return sure;
}
