// The versions of the workflows that a run will start, fixed when the run itself is made.
import { AppError, type CanonicalWorkflow, type JsonObject, type WorkflowAction } from "@capstan/proto";
import type { NumberedEdition, WorkflowEditions } from "../workflow/editions.ts";

interface Project {
  readonly id: string;
  readonly name: string;
}

const calls = new WeakMap<CanonicalWorkflow, readonly (readonly [task: string, action: WorkflowAction])[]>();

/** Tasks of a document that start another workflow. */
export function workflowTasks(
  document: CanonicalWorkflow,
): readonly (readonly [task: string, action: WorkflowAction])[] {
  let found = calls.get(document);
  if (found === undefined) {
    found = Object.entries(document.tasks).flatMap(([id, { action }]) =>
      "workflow" in action ? [[id, action.workflow] as const] : [],
    );
    calls.set(document, found);
  }
  return found;
}

export const childEdition = (
  editions: WorkflowEditions,
  project: Project,
  { name, version }: WorkflowAction,
): Promise<NumberedEdition | undefined> =>
  version === undefined || version === "active"
    ? editions.active(project, name)
    : editions.version(project, name, version);

/** `children` of a run's trigger: by task, the edition that it will start. Nothing for a document that starts none. @throws unknown_workflow */
export async function frozenChildren(
  editions: WorkflowEditions,
  project: Project,
  document: CanonicalWorkflow,
): Promise<{ readonly children?: JsonObject }> {
  const tasks = workflowTasks(document);
  if (tasks.length === 0) return {};
  const children: Record<string, JsonObject> = {};
  for (const [task, action] of tasks) {
    const edition = await childEdition(editions, project, action);
    if (edition === undefined) {
      throw new AppError("unknown_workflow", `${document.name}/${task} starts ${action.name}, which is not deployed.`);
    }
    children[task] = { workflowId: edition.workflowId, digest: edition.digest };
  }
  return { children };
}
