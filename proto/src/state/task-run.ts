// The task run: a task within one run (and one index, where it is mapped).
//  T1. This table is the law; the engine is its only reader that changes anything.
//  T2. A terminal state never changes.

export const taskRunStates = [
  "waiting",
  "queued",
  "dispatched",
  "running",
  "retrying",
  "suspended",
  "cancelling",
  "succeeded",
  "failed",
  "timed_out",
  "cancelled",
  "skipped",
] as const;
export type TaskRunState = (typeof taskRunStates)[number];

export const taskRunTransitions = {
  // Straight to `running`: a mapped task whose list is known; its index task runs are what is carried.
  waiting: ["queued", "dispatched", "running", "suspended", "succeeded", "failed", "skipped", "cancelled"],
  queued: ["dispatched", "succeeded", "failed", "skipped", "timed_out", "cancelled"],
  dispatched: [
    "queued",
    "running",
    "retrying",
    "succeeded",
    "skipped",
    "suspended",
    "failed",
    "timed_out",
    "cancelling",
    "cancelled",
  ],
  running: ["succeeded", "skipped", "suspended", "retrying", "failed", "timed_out", "queued", "cancelling"],
  retrying: ["queued", "dispatched", "succeeded", "failed", "skipped", "timed_out", "cancelled"],
  suspended: ["queued", "succeeded", "failed", "timed_out", "skipped", "cancelled"],
  // A person's mark stops the attempt first, and then ends the task run as it says.
  cancelling: ["cancelled", "timed_out", "succeeded", "failed", "skipped"],
  succeeded: [],
  failed: [],
  timed_out: [],
  cancelled: [],
  skipped: [],
} as const satisfies Record<TaskRunState, readonly TaskRunState[]>;

export const taskRunTimers = {
  waiting: "reason needs_pending",
  queued: "queueTimeout, and a reason",
  dispatched: "lease end, and 11 min of preparing",
  running: "lease end, and timeout",
  retrying: "back-off",
  suspended: "its own timer or event",
  cancelling: "lease end",
} as const satisfies Partial<Record<TaskRunState, string>>;

export const isTaskRunEnded = (state: TaskRunState): boolean => taskRunTransitions[state].length === 0;
