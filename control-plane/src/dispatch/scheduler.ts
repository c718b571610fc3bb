// The port of turns, pauses, monotonic time and chance: the process's own, or the simulator's. Whatever decides
// something about runs or leases asks here and never the globals.
export interface Scheduler {
  /** Monotonic milliseconds; only differences mean anything. */
  readonly nowMs: () => number;
  /** Calls at the end of this turn of the event loop, after all that arrived in it. */
  readonly endOfTurn: (work: () => void) => void;
  /** Calls once after a pause; the answer takes that back. */
  readonly after: (ms: number, work: () => void) => () => void;
  /** A number in [0, 1). */
  readonly random: () => number;
}

export const realScheduler: Scheduler = {
  nowMs: () => performance.now(),
  endOfTurn: (work) => void setImmediate(work),
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
