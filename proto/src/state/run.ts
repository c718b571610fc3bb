// The run: one execution of one workflow version with its inputs.
//  R1. This table is the law; the engine is its only reader that changes anything.
//  R2. A terminal state never changes.

export const runStates = [
  "queued",
  "running",
  "paused",
  "cancelling",
  "succeeded",
  "failed",
  "cancelled",
  "timed_out",
] as const;
export type RunState = (typeof runStates)[number];

export const runTransitions = {
  queued: ["running", "paused", "cancelled", "timed_out"],
  running: ["paused", "cancelling", "succeeded", "failed", "cancelled"],
  paused: ["queued", "running", "cancelling"],
  cancelling: ["cancelled", "timed_out"],
  succeeded: [],
  failed: [],
  cancelled: [],
  timed_out: [],
} as const satisfies Record<RunState, readonly RunState[]>;

/** What ends the waiting in each state that is not terminal: a timer, or a reason that people see. */
export const runTimers = {
  queued: "reason limit_reached",
  running: "deadline",
  paused: "reason run_paused",
  cancelling: "cleanup timeout",
} as const satisfies Partial<Record<RunState, string>>;

export const isRunEnded = (state: RunState): boolean => runTransitions[state].length === 0;
