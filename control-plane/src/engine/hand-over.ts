// How one run reaches another, and how time reaches a run: rows of `timers` (docs/decisions/0035-hand-over-by-rows.md).
//  H1. A hand-over is a row for the other run, due at once, written in the commit that causes it. Nothing else passes
//      between runs, so a crash after the commit loses nothing.
//  H2. A row goes in the commit that acts on it. It may fire twice before that; whoever takes it asks whether it still
//      applies.
import type { JsonObject } from "@capstan/proto";
import type { TimerKind } from "./event.ts";

/** A timer of the run itself; without `dueMs` it is taken away. */
export interface DraftTimer {
  readonly position: number;
  readonly kind: TimerKind;
  readonly dueMs: number | undefined;
  /** Comes back with the timer's event. */
  readonly body?: JsonObject;
  /** What the row waits for beside its time, so that it can be found by that: `event:order.paid`, `approval`. */
  readonly awaits?: string;
}

/** Told to another run of the same project. At most one of a kind at a time for one place of a run. */
export interface HandOver {
  readonly runId: string;
  /** Position of a task run of that run; -1 for the run itself. */
  readonly position: number;
  readonly kind: TimerKind;
  readonly body: JsonObject;
}

/** The due time of what waits for something else than time, the year 9999: past any deadline, and a time that PostgreSQL has. */
export const neverMs = 253_370_764_800_000;
