// Runs with an equal key: how many may go on at once, and what becomes of one more. Pure; decided under the group's lock.
//  C1. At most `limit` runs of a group are active. A run is active from its first `running` to its end.
//  C2. A run that waits is `queued` and is told apart from one that was superseded: only the first may be admitted.
//  C3. The oldest that waits is admitted first, and nobody starts past it.
import {
  defaultConcurrencyLimit,
  defaultQueuedMax,
  evaluateText,
  scopeAt,
  sha256Hex,
  type CanonicalConcurrency,
  type CanonicalWorkflow,
} from "@capstan/proto";
import type { RunValues } from "./vars.ts";

export interface RunGroup {
  /** `group:<workflow>:<hash of the key>`. */
  readonly key: string;
  readonly limit: number;
  readonly onLimit: NonNullable<CanonicalConcurrency["onLimit"]>;
  readonly queuedMax: number;
}

/** A group as its rows tell it. */
export interface GroupState {
  readonly active: number;
  readonly waiting: number;
}

/** Who has to go for the newest: nobody, those that wait, or those that run too. */
export type Superseded = "none" | "waiting" | "all";

export type Admission =
  | { readonly kind: "start" }
  | { readonly kind: "wait"; readonly supersede: Superseded }
  | { readonly kind: "refused"; readonly code: "limit_reached" | "queue_full" };

/**
 * The group of a run without `concurrency` that may not begin yet, because its workflow or its parent is paused: there is
 * room for all of them as soon as they may.
 */
export const heldGroup = (workflowId: string): RunGroup => ({
  key: `held:${workflowId}`,
  limit: heldMax,
  onLimit: "queue",
  queuedMax: heldMax,
});
const heldMax = 1_000_000;

/** What becomes of a run that is asked for. One that is held waits, and sends nobody away who goes on. */
export function admitNew(group: RunGroup, state: GroupState, isHeld = false): Admission {
  if (state.waiting === 0 && state.active < group.limit)
    return isHeld ? { kind: "wait", supersede: "none" } : { kind: "start" };
  switch (group.onLimit) {
    case "queue":
      if (state.waiting >= group.queuedMax) return { kind: "refused", code: "queue_full" };
      return { kind: "wait", supersede: "none" };
    case "skip":
      return { kind: "refused", code: "limit_reached" };
    case "cancelRunning":
      return { kind: "wait", supersede: isHeld ? "waiting" : "all" };
    case "replaceQueued":
      return { kind: "wait", supersede: "waiting" };
  }
}

/** Whether a run that waits may go on now. */
export const mayGoOn = (group: RunGroup, state: GroupState): boolean => state.active < group.limit;

/** The group of a run with these values; undefined where its workflow has no concurrency. @throws where the key cannot be evaluated */
export function groupOf(document: CanonicalWorkflow, workflowId: string, values: RunValues): RunGroup | undefined {
  const { concurrency } = document;
  if (concurrency === undefined) return undefined;
  const { key = "", limit = defaultConcurrencyLimit, onLimit = "queue", maxQueued = defaultQueuedMax } = concurrency;
  const text = evaluateText(key, { ...values }, { scope: scopeAt(document, "run") });
  return { key: `group:${workflowId}:${sha256Hex(String(text)).slice(0, 32)}`, limit, onLimit, queuedMax: maxQueued };
}
