// The types of the workflow language, for tools that are written in TypeScript.
export type { CanonicalTask, CanonicalWorkflow, JsonObject, JsonValue, WorkflowSource } from "@capstan/proto";
export { workflowJsonSchema } from "@capstan/proto";
