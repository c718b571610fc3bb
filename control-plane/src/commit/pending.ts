// What waits for a commit: the events of one run, or the request for a new one, with whom to answer.
import { AppError } from "@capstan/proto";
import type { EventOutcome, RunEvent } from "../engine/event.ts";
import type { StartOutcome, StartRun } from "./commit.ts";

interface PendingEvent {
  readonly event: RunEvent;
  readonly resolve: (outcome: EventOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Everything that waits for one run. */
export interface PendingRun {
  readonly key: string;
  readonly projectId: string;
  readonly runId: string;
  readonly events: PendingEvent[];
  readonly start: PendingStart | undefined;
  refusals: number;
  /** Its snapshot was read after its events had come, so an answer that writes nothing may rest on it. */
  isFresh: boolean;
}

interface PendingStart {
  readonly request: StartRun;
  readonly resolve: (outcome: StartOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Tells everybody who waits that it did not come to a decision. */
export function rejectAll(pending: PendingRun, error: unknown): void {
  pending.start?.reject(error);
  for (const { reject } of pending.events) reject(error);
}

/** After three refusals: a claim was taken by another, and anything else is to come again later. */
export function giveUp(pending: PendingRun): void {
  if (pending.start?.request.claim !== undefined) return pending.start.resolve({ kind: "unclaimed" });
  rejectAll(pending, new AppError("unavailable", "the run changes too often to be decided; try again"));
}
