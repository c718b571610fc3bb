// The attempt: one try of one task run on one agent.
//  A1. At most one live attempt per task run; its epoch only grows.
//  A2. A report with an older epoch or session changes nothing.
//  A3. A terminal state never changes; late truth is kept beside it as evidence.

export const attemptStates = [
  "offered",
  "running",
  "finishing",
  "succeeded",
  "failed",
  "timed_out",
  "cancelled",
  "lost",
  "rejected",
] as const;
export type AttemptState = (typeof attemptStates)[number];

export const attemptTransitions = {
  // A `finish` for an offered attempt walks offered → running → finishing → outcome within one report.
  offered: ["running", "rejected", "cancelled", "lost"],
  running: ["finishing", "lost"],
  finishing: ["succeeded", "failed", "timed_out", "cancelled", "lost"],
  succeeded: [],
  failed: [],
  timed_out: [],
  cancelled: [],
  lost: [],
  rejected: [],
} as const satisfies Record<AttemptState, readonly AttemptState[]>;

export const attemptTimers = {
  offered: "lease end",
  running: "lease end",
  finishing: "lease end",
} as const satisfies Partial<Record<AttemptState, string>>;

export const isAttemptEnded = (state: AttemptState): boolean => attemptTransitions[state].length === 0;
