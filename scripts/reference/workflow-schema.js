// The JSON Schema of a workflow document. It is no part of the contract's public face, so it is read from its source.
import { workflowJsonSchema } from "../../proto/src/workflow/schema.ts";

export const workflowSchema = workflowJsonSchema();
