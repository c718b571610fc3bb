// The lease clock's arithmetic (docs/protocol.md, "Terms" and L4).
//  L1. Time since a reading is the largest of three differences: a clock that stands still or is set hides nothing.
//  L2. TERM at L − grace − 5 s, KILL at L − 5 s. What was begun is never taken back.
//  L3. A renewal counts only if it is newer and the stop has not begun. It is of all that the agent holds, so it counts for
//      what reaches the runner after it too: a version that had to be fetched first takes its time.
import { elapsedMs, type ClockReading } from "@capstan/proto";
import type { Tree } from "./tree.ts";

/** Time kept back for killing and proving (fixed). */
export const killReserveMs = 5000;

export interface LeasedAttempt {
  readonly attempt: string;
  readonly epoch: number;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly onLeaseEnd: "stop" | "continue";
  readonly tree: Tree;
}

export interface LeaseAction {
  readonly do: "term" | "kill";
  readonly attempt: LeasedAttempt;
}

interface Entry {
  attempt: LeasedAttempt;
  base: ClockReading;
  phase: "live" | "terminated" | "killed";
}

/** Milliseconds after `base` at which the stop begins. */
export const termPointMs = (leaseMs: number, graceMs: number): number =>
  Math.max(0, leaseMs - Math.min(graceMs, leaseMs / 2) - killReserveMs);
export const killPointMs = (leaseMs: number): number => Math.max(0, leaseMs - killReserveMs);

/** Where the lease of an attempt counts from: its offer, or what was renewed since. */
export const newestOf = (base: ClockReading, renewed: ClockReading | undefined): ClockReading =>
  renewed !== undefined && renewed.monoMs > base.monoMs ? renewed : base;

export class LeaseTable {
  readonly #entries = new Map<string, Entry>();
  #renewed: ClockReading | undefined;

  /** @param base the reading of the heartbeat that its offer names */
  add(attempt: LeasedAttempt, base: ClockReading): void {
    this.#entries.set(attempt.attempt, { attempt, base: newestOf(base, this.#renewed), phase: "live" });
  }

  /** The attempt runs in another tree from now on. */
  move(attempt: string, tree: Tree): void {
    const entry = this.#entries.get(attempt);
    if (entry !== undefined) entry.attempt = { ...entry.attempt, tree };
  }

  remove(attempt: string): void {
    this.#entries.delete(attempt);
  }

  renew(base: ClockReading): void {
    this.#renewed = newestOf(base, this.#renewed);
    for (const entry of this.#entries.values()) {
      if (entry.phase === "live" && base.monoMs > entry.base.monoMs) entry.base = base;
    }
  }

  /** What is to be done now. A kill is repeated with every tick until the attempt is removed. */
  tick(now: ClockReading): LeaseAction[] {
    const actions: LeaseAction[] = [];
    for (const entry of this.#entries.values()) {
      const { attempt } = entry;
      if (attempt.onLeaseEnd === "continue") continue;
      const elapsed = elapsedMs(entry.base, now);
      if (elapsed >= killPointMs(attempt.leaseMs)) {
        entry.phase = "killed";
        actions.push({ do: "kill", attempt });
      } else if (entry.phase === "live" && elapsed >= termPointMs(attempt.leaseMs, attempt.graceMs)) {
        entry.phase = "terminated";
        actions.push({ do: "term", attempt });
      }
    }
    return actions;
  }
}
