// One attempt as the agent holds it, from its offer until everything about it is acknowledged.
import {
  oneSlot,
  type AttemptId,
  type AttemptTakes,
  type CancelReason,
  type FinishItem,
  type InventoryItem,
  type OfferedAttempt,
} from "@capstan/proto";
import type { RunnerLink } from "./runner-link.ts";

export interface HeldAttempt {
  readonly attempt: AttemptId;
  readonly epoch: number;
  /** Unknown for an attempt found in the journal after a restart. */
  readonly offer: OfferedAttempt | undefined;
  /** Slots, and what it takes of the host. */
  readonly takes: AttemptTakes;
  phase: InventoryItem["phase"];
  link: RunnerLink | undefined;
  startedMs: number | undefined;
  eventSeq: number;
  producedBytes: number;
  cancel: { readonly reason: CancelReason; readonly graceMs: number } | undefined;
  result: FinishItem | undefined;
  isReported: boolean;
  isLogDone: boolean;
  /** The control plane said that it is not ours: its end is not told, its log not sent. */
  isAbandoned: boolean;
}

export const newAttempt = (
  attempt: AttemptId,
  epoch: number,
  offer?: OfferedAttempt,
  takes: AttemptTakes = offer?.resources ?? oneSlot,
): HeldAttempt => ({
  attempt,
  epoch,
  offer,
  takes,
  phase: "taken",
  link: undefined,
  startedMs: undefined,
  eventSeq: 0,
  producedBytes: 0,
  cancel: undefined,
  result: undefined,
  isReported: false,
  isLogDone: false,
  isAbandoned: false,
});

export const inventoryItemOf = (held: HeldAttempt): InventoryItem => ({
  attempt: held.attempt,
  epoch: held.epoch,
  phase: held.phase,
  ...(held.startedMs === undefined ? {} : { startedMs: held.startedMs }),
  eventSeq: held.eventSeq,
  producedBytes: held.producedBytes,
});

/** A log that is kept here is told by its size and digest alone. */
export const isSent = (log: FinishItem["log"]): log is NonNullable<FinishItem["log"]> =>
  log !== undefined && log.store === undefined;
