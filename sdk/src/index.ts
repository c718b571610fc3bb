// Workflows in TypeScript. What is exported here is public; nothing else is.
import * as z from "zod";

export { z };
export { BuildError } from "./errors.ts";
export { matrix } from "./build.ts";
export type { ApprovalRequest, Build, ChildOptions, ControlOptions, WaitRequest } from "./build-types.ts";
export type { MappedTask, Task, TaskState } from "./handle.ts";
export type { HookEntry, MapOptions, Retry, Schedule, TaskOptions, Trigger, WorkflowConfig } from "./options.ts";
export { always, cancelled, expr, failure, orValue, percent, success, text } from "./ref.ts";
export { declassified, file, type Declassification, type FileOptions } from "./schema.ts";
export {
  containerTask,
  httpTask,
  nodeTask,
  notifyTask,
  pluginTask,
  pythonTask,
  shellTask,
  sqlTask,
  type TaskContext,
  type TaskDefinition,
} from "./task.ts";
export type { Duration, Expr, File, Given, Ref, ReturnedFile, Secret, Size, Value } from "./value.ts";
export { isWorkflow, workflow, type BuiltWorkflow, type Workflow } from "./workflow.ts";
