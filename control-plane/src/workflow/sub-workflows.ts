// What a deploy can say about workflows that start each other: who is there, what fits, and whether they go in a circle.
import {
  checkValue,
  findCycle,
  forEachExpression,
  isExpr,
  isText,
  referencesOf,
  type CanonicalTask,
  type CanonicalWorkflow,
  type JsonValue,
  type Problem,
} from "@capstan/proto";
import type { ReadDocument } from "./read-documents.ts";

/** @param deployed active documents of the project by name, those that start other workflows and those that are started */
export function checkSubWorkflows(
  set: readonly ReadDocument[],
  deployed: ReadonlyMap<string, CanonicalWorkflow>,
): readonly Problem[] {
  const now = new Map([...deployed, ...set.map((one) => [one.document.name, one.document] as const)]);
  const ours = new Map(set.map((one) => [one.document.name, one]));
  const problems: Problem[] = [];
  for (const { document, source } of set) {
    for (const [id, task, name] of startsOf(document)) {
      const child = now.get(name);
      const place = { severity: "error" as const, file: source.file, pointer: `/tasks/${id}/workflow` };
      if (child === undefined) {
        problems.push({ ...place, code: "unknown_workflow", detail: `${id} starts ${name}, which is not there` });
        continue;
      }
      for (const { code, detail } of misfits(document, id, task, child)) {
        problems.push({
          ...place,
          code,
          detail,
          pointer: code === "with_mismatch" ? `/tasks/${id}/with` : place.pointer,
        });
      }
    }
  }
  for (const [name, document] of deployed) {
    if (ours.has(name)) continue;
    for (const [id, task, childName] of startsOf(document)) {
      const child = ours.get(childName);
      if (child === undefined) continue;
      for (const { detail } of misfits(document, id, task, child.document)) {
        problems.push({
          code: "breaks_caller",
          severity: "error",
          file: child.source.file,
          pointer: "",
          detail: `${name}/${id}, which is deployed, would break: ${detail}`,
        });
      }
    }
  }
  const cycle = findCycle(
    new Map([...now].map(([name, document]) => [name, startsOf(document).map(([, , to]) => to)])),
  );
  const inCycle = cycle?.map((name) => ours.get(name)).find((one) => one !== undefined);
  if (cycle !== undefined && inCycle !== undefined) {
    problems.push({
      code: "workflow_cycle",
      severity: "error",
      file: inCycle.source.file,
      pointer: "/tasks",
      detail: `these workflows start each other: ${cycle.join(" → ")}`,
    });
  }
  return problems;
}

/** Names of the workflows that a document starts by their active version. */
export const startedNames = (document: CanonicalWorkflow): readonly string[] =>
  startsOf(document).map(([, , to]) => to);

/** A task with a fixed digest is looked at when its run starts: its child can be another one than the active version. */
function startsOf(document: CanonicalWorkflow): readonly (readonly [id: string, task: CanonicalTask, name: string])[] {
  return Object.entries(document.tasks).flatMap(([id, task]) => {
    if (!("workflow" in task.action)) return [];
    const { name, version = "active" } = task.action.workflow;
    return version === "active" ? [[id, task, name] as const] : [];
  });
}

interface Misfit {
  readonly code: "with_mismatch" | "unknown_name";
  readonly detail: string;
}

function misfits(
  caller: CanonicalWorkflow,
  id: string,
  task: CanonicalTask,
  child: CanonicalWorkflow,
): readonly Misfit[] {
  const found: Misfit[] = [];
  const given = task.with ?? {};
  const inputs = child.inputs ?? {};
  for (const [name, value] of Object.entries(given)) {
    const declaration = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    if (declaration === undefined) {
      found.push({ code: "with_mismatch", detail: `${name} is not an input of ${child.name}` });
    } else if (!holdsExpression(value)) {
      for (const { detail } of checkValue(declaration, value as JsonValue, [name])) {
        found.push({ code: "with_mismatch", detail }); // it holds no expression
      }
    }
  }
  for (const [name, { default: fallback, optional }] of Object.entries(inputs)) {
    if (fallback !== undefined || optional === true || Object.hasOwn(given, name)) continue;
    found.push({ code: "with_mismatch", detail: `${child.name} needs the input ${name}` });
  }
  const wanted = new Set<string>();
  forEachExpression([caller.tasks, caller.outputs, caller.hooks], ({ $expr }) => {
    for (const { root, steps } of referencesOf($expr)) {
      const [first, field, output] = steps;
      if (root === "tasks" && first?.name === id && field?.name === "outputs" && output !== undefined)
        wanted.add(output.name);
    }
  });
  for (const name of wanted) {
    if (name === "runId" || Object.hasOwn(child.outputs ?? {}, name)) continue;
    found.push({ code: "unknown_name", detail: `${name} is not an output of ${child.name}` });
  }
  return found;
}

function holdsExpression(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return isExpr(value) || isText(value) || Object.values(value).some(holdsExpression);
}
