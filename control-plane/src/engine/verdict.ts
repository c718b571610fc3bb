import type { Failure, JsonObject } from "@capstan/proto";
import type { Suspension, TaskRun } from "./snapshot.ts";

/** What a task run that waits came to. */
export type Verdict =
  | {
      readonly kind: "suspend";
      readonly suspension: Suspension;
      readonly reason: NonNullable<TaskRun["reason"]>;
      /** When its own time comes; undefined where it has none. */
      readonly dueMs: number | undefined;
      /** What its timer can be found by. */
      readonly awaits?: string;
    }
  /** What it waited for has come: an agent is asked. */
  | { readonly kind: "queue" }
  | { readonly kind: "succeeded"; readonly outputs: JsonObject }
  | { readonly kind: "failed"; readonly failure: Failure }
  /** Nothing changes: it waits on, or it does not concern this task run any more. */
  | { readonly kind: "nothing" };
