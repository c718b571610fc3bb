// What was decided about one run, between the decision and its commit.
import type { Reporter, EventOutcome } from "../engine/event.ts";
import type { Draft } from "../engine/draft.ts";
import type { LimitHold } from "../engine/limit.ts";
import type { Run } from "../engine/snapshot.ts";
import type { Slot } from "../dispatch/sessions.ts";
import type { BatchEntry, GroupJoin, Placed } from "./batch.ts";
import type { PendingRun } from "./pending.ts";

export interface Decided {
  readonly pending: PendingRun;
  readonly draft: Draft;
  readonly after: Run;
  readonly placed: readonly Placed[];
  readonly slots: readonly Slot[];
  /** What was granted to its claims, by position. */
  readonly holds: ReadonlyMap<number, readonly LimitHold[]>;
  readonly joins: GroupJoin | undefined;
  readonly reporters: readonly Reporter[];
  readonly outcomes: readonly EventOutcome[];
}

export const noHolds: ReadonlyMap<number, readonly LimitHold[]> = new Map();

export const entryOf = (one: Decided, order: number): BatchEntry => ({
  draft: one.draft,
  after: one.after,
  placed: one.placed,
  reporters: one.reporters,
  start: one.pending.start?.request,
  holds: one.holds,
  joins: one.joins,
  order,
});
