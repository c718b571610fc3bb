// The backfill: runs for many values, a few of them at a time.
//  F1. This table is the law; the backfill's loop and its routes are the only readers that change anything.
//  F2. A terminal state never changes: what failed is retried by a new backfill.

export const backfillStates = ["running", "paused", "cancelling", "succeeded", "failed", "cancelled"] as const;
export type BackfillState = (typeof backfillStates)[number];

export const backfillTransitions = {
  running: ["paused", "cancelling", "succeeded", "failed"],
  paused: ["running", "cancelling"],
  cancelling: ["cancelled"],
  succeeded: [],
  failed: [],
  cancelled: [],
} as const satisfies Record<BackfillState, readonly BackfillState[]>;

/** What ends the waiting in each state that is not terminal: a timer, or a reason that people see. */
export const backfillTimers = {
  running: "next look of its loop; the reason says what it waits for",
  paused: "reason backfill_paused",
  cancelling: "next look of its loop, until its runs have ended",
} as const satisfies Partial<Record<BackfillState, string>>;

export const isBackfillEnded = (state: BackfillState): boolean => backfillTransitions[state].length === 0;

/** Whether a backfill may go from one state to another. */
export const mayBackfillBecome = (from: BackfillState, to: BackfillState): boolean =>
  (backfillTransitions[from] as readonly BackfillState[]).includes(to); // a row of the table, read as the list that it is
