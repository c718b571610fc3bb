import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { workflowJsonSchema } from "@capstan/proto";

/** Writes the JSON Schema of the workflow language into a data folder, for editors. */
export function writeWorkflowSchema(dataDir: string): void {
  mkdirSync(join(dataDir, "schema"), { recursive: true });
  writeFileSync(join(dataDir, "schema", "workflow-v1.json"), JSON.stringify(workflowJsonSchema(), null, 1) + "\n");
}
