// What a task of a workflow gives to those that come after it.
import type { Ref, Refs } from "./value.ts";

export type TaskState = "succeeded" | "failed" | "timed_out" | "cancelled" | "skipped";

/** A task: its outputs are known when it has succeeded. Using one makes the edge. */
export interface Task<Outputs> {
  readonly id: string;
  readonly outputs: Refs<Outputs>;
  readonly state: Ref<TaskState>;
  readonly cached: Ref<boolean>;
  readonly attempts: Ref<number>;
}

/** A task run per item: results in the order of the items. */
export interface MappedTask<Item, Outputs> {
  readonly id: string;
  readonly results: Ref<Outputs[]>;
  readonly counts: Refs<Readonly<Record<"total" | "succeeded" | "failed" | "skipped" | "cancelled", number>>>;
  readonly state: Ref<TaskState>;
  /** The items, for a chain. It has no value. */
  readonly item: Ref<Item>;
}

export interface ApprovalOutputs<Form> {
  readonly decision: "approved" | "rejected";
  readonly by: string;
  readonly at: string;
  readonly comment: string;
  readonly form: Form;
}

export interface WaitOutputs {
  readonly event: Readonly<Record<string, unknown>>;
  readonly at: string;
}

/** The index before, in a chain. */
export interface Previous<Outputs> {
  readonly outputs: Refs<Outputs>;
  readonly state: Ref<TaskState>;
}

/** `run`: who and when. A name that is not known at a place is told by the checker. */
export interface RunRefs {
  readonly id: Ref<string>;
  readonly number: Ref<number>;
  readonly workflow: Ref<string>;
  readonly version: Ref<string>;
  readonly url: Ref<string>;
  readonly attempt: Ref<number>;
  readonly scheduledAt: Ref<string>;
  readonly startedAt: Ref<string>;
  readonly duration: Ref<string>;
  readonly labels: Ref<Readonly<Record<string, string>>>;
  readonly window: Refs<{ readonly start: string; readonly end: string }>;
  /** In hooks. */
  readonly state: Ref<string>;
  /** In `onFailure`. */
  readonly failure: Refs<{
    readonly task: string;
    readonly index: number;
    readonly class: string;
    readonly message: string;
    readonly attempt: number;
    readonly agent: string;
    readonly url: string;
  }>;
}

/** `needs` in `if`: how many of a task's needs ended how. */
export type NeedsRefs = Refs<Readonly<Record<"total" | "succeeded" | "failed" | "skipped" | "cancelled", number>>>;

/** A matrix for `map`: the product of its lists, less `exclude`, with `include`. */
export interface Matrix<Item> {
  readonly matrix: Readonly<Record<string, unknown>>;
  readonly item?: Item;
}
