// What an agent knows of an attempt that it holds.
import type { AttemptPair, FinishItem, InventoryItem, OfferedAttempt } from "@capstan/proto";

export interface Held {
  readonly attempt: string;
  readonly epoch: number;
  readonly offer: OfferedAttempt | undefined;
  phase: InventoryItem["phase"];
  startedMs: number | undefined;
  eventSeq: number;
  isCancelled: boolean;
  isAbandoned: boolean;
  isHandedOver: boolean;
  result: FinishItem | undefined;
}

export const newHeld = (attempt: string, epoch: number, offer?: OfferedAttempt): Held => ({
  attempt,
  epoch,
  offer,
  phase: "taken",
  startedMs: undefined,
  eventSeq: 0,
  isCancelled: false,
  isAbandoned: false,
  isHandedOver: false,
  result: undefined,
});

export const inventoryItemOf = (held: Held): InventoryItem => ({
  attempt: held.attempt as AttemptPair[0],
  epoch: held.epoch,
  phase: held.phase,
  ...(held.startedMs === undefined ? {} : { startedMs: held.startedMs }),
  eventSeq: held.eventSeq,
  producedBytes: 0,
});
