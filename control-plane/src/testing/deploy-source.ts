// A deploy without the routes before it: for tests of what a deployed version does.
import { readWorkflow, type CanonicalWorkflow } from "@capstan/proto";
import type { WorkflowStore } from "../workflow/workflow.store.ts";
import { newId } from "./commit-fixture.ts";

/** Stores a source as the active version of its workflow. Throws where it is not valid. */
export async function deploySource(
  workflows: Pick<WorkflowStore, "deploy">,
  projectId: string,
  source: string,
): Promise<CanonicalWorkflow> {
  const { document, digest, problems } = readWorkflow({ text: source });
  if (document === undefined || digest === undefined) throw new Error(JSON.stringify(problems));
  const { name } = document;
  await workflows.deploy(projectId, {
    id: newId(),
    actor: "test",
    message: undefined,
    idempotency: undefined,
    versions: [
      { name, digest, canonical: JSON.stringify(document), source, sourceFile: "w.yaml", bundleSha256: undefined },
    ],
    pruned: [],
    answer: () => ({ workflows: [], pruned: [] }),
  });
  return document;
}
