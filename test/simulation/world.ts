// Simulated time: a heap of events, one at a time, with everything that follows in promises before the next.
//  W1. Nothing here or above reads a real clock; same seed, same order, same trace.
//  W2. A violation ends the simulation at the event that showed it.
import { Random } from "./random.ts";

export interface Violation {
  readonly invariant: string;
  readonly message: string;
  readonly atMs: number;
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  work: (() => void) | undefined;
}

/** Events in a row without a turn of the real event loop. */
const rowMax = 4096;
/** Events at one moment, and in all; more is a loop that never sleeps. */
const atOneTimeMax = 20_000;
const eventsMax = 400_000;

export class World {
  nowMs = 0;
  events = 0;
  violation: Violation | undefined;
  readonly seed: number;
  /** How often each kind of fault and each transition happened. */
  readonly counts = new Map<string, number>();
  private readonly heap: Entry[] = [];
  private order = 0;
  private atOneTime = 0;
  private streams = 0;
  private hash = 0x811c9dc5;
  private readonly print: ((line: string) => void) | undefined;

  constructor(seed: number, print?: (line: string) => void) {
    this.seed = seed;
    this.print = print;
  }

  /** A stream of chance of its own. */
  random(): Random {
    return new Random(this.seed, ++this.streams);
  }

  /** Calls once after a pause of simulated time; the answer takes that back. */
  after(ms: number, work: () => void): () => void {
    const entry: Entry = { atMs: this.nowMs + Math.max(0, ms), order: this.order++, work };
    this.push(entry);
    return () => {
      entry.work = undefined;
    };
  }

  get traceHash(): string {
    return (this.hash >>> 0).toString(16).padStart(8, "0");
  }

  /** One line of the trace; every one counts for its hash. */
  trace(what: string, ...more: readonly (string | number)[]): void {
    this.mix(what);
    this.mixNumber(this.nowMs);
    for (const one of more) {
      if (typeof one === "number") this.mixNumber(one);
      else this.mix(one);
    }
    this.print?.(`${(this.nowMs / 1000).toFixed(3).padStart(10)}  ${what} ${more.join(" ")}`);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  violate(invariant: string, message: string): void {
    if (this.violation !== undefined) return;
    this.violation = { invariant, message: `${invariant}: ${message}`, atMs: this.nowMs };
    this.trace("VIOLATION", this.violation.message);
  }

  /** Runs until `isOver`, a violation, or nothing is left. */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          if (this.violation !== undefined || isOver()) return resolve();
          const entry = this.pop();
          if (entry === undefined) return resolve();
          if (entry.atMs > this.nowMs) this.atOneTime = 0;
          else if (++this.atOneTime > atOneTimeMax)
            this.violate("I23", "time stands still: there is always more to do at once");
          this.nowMs = entry.atMs;
          if (++this.events > eventsMax) this.violate("I23", `${eventsMax} events and no end`);
          entry.work?.();
        } catch (error) {
          return reject(error);
        }
        if (this.events % rowMax === 0) setImmediate(step);
        // The tick is asked for by a microtask, so it comes when no microtask is left.
        else queueMicrotask(tick);
      };
      const tick = (): void => process.nextTick(step);
      setImmediate(step);
    });
  }

  private mix(text: string): void {
    let hash = this.hash;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.hash = hash;
  }

  private mixNumber(value: number): void {
    const whole = Math.floor(value);
    this.hash = Math.imul(this.hash ^ (whole | 0), 0x01000193);
    this.hash = Math.imul(this.hash ^ Math.floor((value - whole) * 1_000_000), 0x01000193);
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || isBefore(parent, entry)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = entry;
  }

  private pop(): Entry | undefined {
    for (;;) {
      const first = this.popAny();
      if (first === undefined || first.work !== undefined) return first;
    }
  }

  private popAny(): Entry | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let least = heap[child];
      if (least === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, least)) {
        child++;
        least = right;
      }
      if (isBefore(last, least)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const isBefore = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
