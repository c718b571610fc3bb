// What has to be known before a run exists: its defaults, labels, priority and keys are evaluated then, and its first
// conditions in the commit that makes it.
import { referencesOf } from "../expression/references.ts";
import type { CanonicalWorkflow } from "./canonical.ts";
import { forEachExpression } from "./context-names.ts";

export interface Early {
  /** A default, a label, the priority or a key asks about the run. */
  readonly run: boolean;
  /** The priority or a key does: they are asked again as long as the run waits, so what they saw is kept with it. */
  readonly order: boolean;
  /** One of them, or something that may be decided with the first commit, asks for its number (or its address, which has it). */
  readonly number: boolean;
}

const known = new WeakMap<CanonicalWorkflow, Early>();

/** What of the run a document asks for before there is one. Found once for each document. */
export function early(document: CanonicalWorkflow): Early {
  let found = known.get(document);
  if (found === undefined) {
    const order = [document.priority, document.fairnessKey, document.concurrency?.key];
    const before = [document.labels, Object.values(document.inputs ?? {}).map((input) => input.default), order];
    found = {
      run: asks(before, () => true),
      order: asks(order, () => true),
      number: asks([before, ...decidedEarly(document)], isNumber),
    };
    known.set(document, found);
  }
  return found;
}

/** What the control plane evaluates of tasks and hooks. Any task may come to its turn at once, where those before it are skipped. */
function* decidedEarly(document: CanonicalWorkflow): Generator {
  for (const { action, if: condition, forEach, matrix, with: given, hooks } of Object.values(document.tasks)) {
    yield [condition, forEach, matrix, Object.values(hooks ?? {}).map((list) => list.map((hook) => hook.if))];
    if ("wait" in action || "approval" in action || "workflow" in action) yield [action, given];
  }
  yield document.hooks?.onStart?.map((hook) => hook.if);
}

/** `run.number`, `run.url`, or the run as a whole. */
const isNumber = (field: string | undefined): boolean => field === undefined || field === "number" || field === "url";

function asks(trees: readonly unknown[], wants: (field: string | undefined) => boolean): boolean {
  let found = false;
  forEachExpression(trees, ({ $expr }) => {
    found ||= referencesOf($expr).some(({ root, steps }) => root === "run" && wants(steps[0]?.name));
  });
  return found;
}
