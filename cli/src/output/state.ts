// How a state looks in a terminal: symbol and word, never colour alone.
import type { AttemptState, RunState, TaskRunState } from "@capstan/proto";

export type AnyState = RunState | TaskRunState | AttemptState;
export type Tone = "neutral" | "blue" | "green" | "red" | "amber" | "grey" | "violet";

const marks = {
  waiting: ["○", ".", "neutral"],
  queued: ["◌", "o", "neutral"],
  dispatched: ["◌", "o", "neutral"],
  offered: ["◌", "o", "neutral"],
  running: ["●", "*", "blue"],
  finishing: ["●", "*", "blue"],
  retrying: ["↻", "r", "amber"],
  suspended: ["⏸", "=", "violet"],
  paused: ["⏸", "=", "violet"],
  cancelling: ["◪", "/", "grey"],
  succeeded: ["✓", "+", "green"],
  failed: ["✗", "x", "red"],
  rejected: ["✗", "x", "red"],
  timed_out: ["⌛", "T", "red"],
  cancelled: ["■", "c", "grey"],
  skipped: ["⊘", "-", "grey"],
  lost: ["?", "?", "violet"],
} as const satisfies Record<AnyState, readonly [string, string, Tone]>;

export const stateSymbol = (state: AnyState, isAscii: boolean): string => marks[state][isAscii ? 1 : 0];
export const stateTone = (state: AnyState): Tone => marks[state][2];
