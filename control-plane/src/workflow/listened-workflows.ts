// What a deploy can say about workflows that start when others end: who is there, and whether it goes on for ever.
import { findCycle, listenersOf, type CanonicalWorkflow, type Problem } from "@capstan/proto";
import type { ReadDocument } from "./read-documents.ts";
import { startedNames } from "./sub-workflows.ts";

/** Names of the workflows that a document listens to. */
export const listenedNames = (document: CanonicalWorkflow): readonly string[] =>
  listenersOf(document).flatMap(({ workflow }) => (workflow === undefined ? [] : [workflow.name]));

/** @param deployed active documents of the project by name, those that start or listen to others and those that are meant */
export function checkListeners(
  set: readonly ReadDocument[],
  deployed: ReadonlyMap<string, CanonicalWorkflow>,
): readonly Problem[] {
  const now = new Map([...deployed, ...set.map((one) => [one.document.name, one.document] as const)]);
  const ours = new Map(set.map((one) => [one.document.name, one]));
  const problems: Problem[] = [];
  for (const { document, source } of set) {
    for (const [index, { workflow }] of (document.triggers ?? []).entries()) {
      if (workflow === undefined || now.has(workflow.name)) continue;
      const pointer = `/triggers/${index}/workflow/name`;
      const detail = `it listens to ${workflow.name}, which is not there`;
      problems.push({ code: "unknown_workflow", severity: "error", file: source.file, pointer, detail });
    }
  }
  const cycle = listeningCycle(now);
  const inCycle = cycle?.map((name) => ours.get(name)).find((one) => one !== undefined);
  if (cycle !== undefined && inCycle !== undefined) {
    problems.push({
      code: "trigger_cycle",
      severity: "error",
      file: inCycle.source.file,
      pointer: "/triggers",
      detail: `each end would start the next for ever: ${cycle.join(" → ")}`,
    });
  }
  return problems;
}

/** A circle in which at least one run starts because another has ended. */
function listeningCycle(now: ReadonlyMap<string, CanonicalWorkflow>): readonly string[] | undefined {
  const next = new Map([...now].map(([name, document]) => [name, [...startedNames(document)]]));
  const listeners = [...now].filter(([, document]) => listenedNames(document).length > 0);
  for (const [name, document] of listeners) for (const to of listenedNames(document)) next.get(to)?.push(name);
  // Without a listener in it, it is a circle of starts, which is told as such.
  const cycle = findCycle(next);
  return cycle?.some((name) => listeners.some(([listener]) => listener === name)) === true ? cycle : undefined;
}
