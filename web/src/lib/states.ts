// How a state looks: symbol, word and colour, for runs, task runs and attempts. Typed by the tables of proto, so a state
// that is added there does not compile here until it has a look, and `ended` cannot disagree with the transitions.
import type {
  AttemptState,
  attemptTransitions,
  RunState,
  runTransitions,
  TaskRunState,
  taskRunTransitions,
} from "@capstan/proto";

export type AnyState = RunState | TaskRunState | AttemptState;
export type StateTone =
  | "neutral"
  | "waiting"
  | "running"
  | "retrying"
  | "suspended"
  | "grey"
  | "good"
  | "bad"
  | "late"
  | "skipped"
  | "lost";

export interface StateLook {
  readonly symbol: string;
  readonly word: string;
  readonly tone: StateTone;
}

export const stateLooks = {
  waiting: { symbol: "○", word: "waiting", tone: "neutral" },
  queued: { symbol: "◌", word: "queued", tone: "waiting" },
  dispatched: { symbol: "◌", word: "dispatched", tone: "waiting" },
  offered: { symbol: "◌", word: "offered", tone: "waiting" },
  running: { symbol: "●", word: "running", tone: "running" },
  finishing: { symbol: "●", word: "finishing", tone: "running" },
  retrying: { symbol: "↻", word: "retrying", tone: "retrying" },
  suspended: { symbol: "⏸", word: "suspended", tone: "suspended" },
  paused: { symbol: "⏸", word: "paused", tone: "suspended" },
  cancelling: { symbol: "◪", word: "cancelling", tone: "grey" },
  succeeded: { symbol: "✓", word: "succeeded", tone: "good" },
  failed: { symbol: "✗", word: "failed", tone: "bad" },
  rejected: { symbol: "✗", word: "rejected", tone: "bad" },
  timed_out: { symbol: "⌛", word: "timed out", tone: "late" },
  cancelled: { symbol: "■", word: "cancelled", tone: "grey" },
  skipped: { symbol: "⊘", word: "skipped", tone: "skipped" },
  lost: { symbol: "?", word: "lost", tone: "lost" },
} as const satisfies Record<AnyState, StateLook>;

type Ended<T extends Record<string, readonly string[]>> = {
  readonly [S in keyof T]: T[S] extends readonly [] ? true : false;
};

export const runEnded: Ended<typeof runTransitions> = {
  queued: false,
  running: false,
  paused: false,
  cancelling: false,
  succeeded: true,
  failed: true,
  cancelled: true,
  timed_out: true,
};
export const taskRunEnded: Ended<typeof taskRunTransitions> = {
  waiting: false,
  queued: false,
  dispatched: false,
  running: false,
  retrying: false,
  suspended: false,
  cancelling: false,
  succeeded: true,
  failed: true,
  timed_out: true,
  cancelled: true,
  skipped: true,
};
export const attemptEnded: Ended<typeof attemptTransitions> = {
  offered: false,
  running: false,
  finishing: false,
  succeeded: true,
  failed: true,
  timed_out: true,
  cancelled: true,
  lost: true,
  rejected: true,
};

/** In the order in which a filter lists them. */
export const runStateOrder: readonly RunState[] = [
  "running",
  "queued",
  "paused",
  "cancelling",
  "failed",
  "timed_out",
  "cancelled",
  "succeeded",
];
export const taskRunStateOrder: readonly TaskRunState[] = [
  "failed",
  "timed_out",
  "running",
  "retrying",
  "cancelling",
  "suspended",
  "dispatched",
  "queued",
  "waiting",
  "cancelled",
  "skipped",
  "succeeded",
];
export const isRunState = (text: string): text is RunState => Object.hasOwn(runEnded, text);
