// Masking of secrets in a stream of bytes, before anything reaches the disk (docs/protocol.md, "Masking"). Aho-
// Corasick.
//  R1. No byte of a match leaves, however the stream is cut into chunks.
//  R2. Only a live partial match is held back; no timer releases it, the end of the stream does.
//  R3. Overlapping matches become one mask.
import { needlesOf } from "./needles.ts";

const mask = Buffer.from("***");

/** The automaton of all needles of an attempt. Built again when a needle is added; streams keep their position. */
export class Automaton {
  /** `state · classes + class` → state. */
  readonly next: Int32Array;
  readonly classOf: Uint16Array;
  readonly classes: number;
  /** Length of the longest needle that ends in a state; 0 for none. */
  readonly matched: Int32Array;
  /** Length of the prefix that a state stands for. */
  readonly depth: Int32Array;

  constructor(needles: readonly Buffer[]) {
    this.classOf = new Uint16Array(256);
    let classes = 1; // class 0: bytes that are in no needle
    for (const needle of needles)
      for (const byte of needle) if (this.classOf[byte] === 0) this.classOf[byte] = classes++;
    this.classes = classes;
    const states = needles.reduce((sum, needle) => sum + needle.length, 1);
    const next = new Int32Array(states * classes);
    this.matched = new Int32Array(states);
    this.depth = new Int32Array(states);
    let used = 1;
    for (const needle of needles) {
      let state = 0;
      for (const byte of needle) {
        const at = state * classes + (this.classOf[byte] ?? 0);
        let to = next[at] ?? 0;
        if (to === 0) {
          to = used++;
          next[at] = to;
          this.depth[to] = (this.depth[state] ?? 0) + 1;
        }
        state = to;
      }
      this.matched[state] = needle.length;
    }
    // Breadth first: a missing edge leads where the longest proper suffix would go.
    const fail = new Int32Array(used);
    const queue: number[] = [];
    for (let c = 0; c < classes; c++) if ((next[c] ?? 0) !== 0) queue.push(next[c] ?? 0);
    for (let head = 0; head < queue.length; head++) {
      const state = queue[head] ?? 0;
      const suffix = fail[state] ?? 0;
      this.matched[state] = Math.max(this.matched[state] ?? 0, this.matched[suffix] ?? 0);
      for (let c = 0; c < classes; c++) {
        const to = next[state * classes + c] ?? 0;
        const other = next[suffix * classes + c] ?? 0;
        if (to === 0) next[state * classes + c] = other;
        else {
          fail[to] = other;
          queue.push(to);
        }
      }
    }
    this.next = next.subarray(0, used * classes);
  }
}

/** One stream through the automaton. */
export class Redactor {
  #automaton: Automaton | undefined;
  #state = 0;
  #held: Buffer = Buffer.alloc(0);
  /** Bytes at the start of `#held` that an emitted mask already stands for. */
  #covered = 0;
  /** Matches within `#held` that have not been emitted: start and end, relative to it. */
  #matches: (readonly [number, number])[] = [];

  /** From now on with these needles. What is held back is searched again with all of them. */
  use(automaton: Automaton | undefined): Buffer {
    const held = this.#held.subarray(this.#covered);
    this.#automaton = automaton;
    this.#state = 0;
    this.#held = Buffer.alloc(0);
    this.#covered = 0;
    this.#matches = [];
    return this.push(held);
  }

  /** Takes bytes and returns those that may leave. */
  push(chunk: Buffer): Buffer {
    const automaton = this.#automaton;
    if (automaton === undefined) return chunk;
    const start = this.#held.length;
    const bytes = start === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const { next, classOf, classes, matched, depth } = automaton;
    let state = this.#state;
    for (let i = start; i < bytes.length; i++) {
      state = next[state * classes + (classOf[bytes[i] ?? 0] ?? 0)] ?? 0;
      const length = matched[state] ?? 0;
      if (length !== 0) this.#addMatch(i + 1 - length, i + 1);
    }
    this.#state = state;
    return this.#release(bytes, bytes.length - (depth[state] ?? 0));
  }

  /** The end of the stream: what was held back is no match. */
  end(): Buffer {
    return this.#release(this.#held, this.#held.length);
  }

  #addMatch(from: number, to: number): void {
    let start = from;
    for (let last = this.#matches.at(-1); last !== undefined && last[1] >= start; last = this.#matches.at(-1)) {
      start = Math.min(start, last[0]);
      this.#matches.pop();
    }
    this.#matches.push([start, to]);
  }

  #release(bytes: Buffer, safe: number): Buffer {
    if (this.#matches.length === 0 && this.#covered === 0) {
      this.#held = safe === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(safe));
      return bytes.subarray(0, safe);
    }
    const out: Buffer[] = [];
    let at = Math.min(this.#covered, bytes.length);
    let covered = this.#covered;
    const waiting: (readonly [number, number])[] = [];
    for (const match of this.#matches) {
      if (match[0] >= safe && match[0] >= covered) {
        waiting.push(match);
        continue;
      }
      if (match[0] > covered || (covered === 0 && match[0] === 0)) {
        out.push(bytes.subarray(at, match[0]), mask);
      } else if (match[0] === covered) out.push(mask);
      covered = Math.max(covered, match[1]);
      at = covered;
    }
    if (at < safe) out.push(bytes.subarray(at, safe));
    this.#held = Buffer.from(bytes.subarray(safe));
    this.#covered = Math.max(0, covered - safe);
    this.#matches = waiting.map(([from, to]) => [from - safe, to - safe] as const);
    return Buffer.concat(out);
  }
}

/** Needles and streams of one attempt. */
export class Masking {
  readonly #needles = new Map<string, Buffer>();
  #automaton: Automaton | undefined;

  get automaton(): Automaton | undefined {
    return this.#automaton;
  }

  /** Adds values; returns how many were too short to be masked. */
  add(values: readonly (string | Uint8Array)[]): number {
    let short = 0;
    for (const value of values) {
      const needles = needlesOf(value);
      if (needles.length === 0 && value.length > 0) short++;
      for (const needle of needles) this.#needles.set(needle.toString("latin1"), needle);
    }
    this.#automaton = this.#needles.size === 0 ? undefined : new Automaton([...this.#needles.values()]);
    return short;
  }

  /** Text with every secret masked: for messages, summaries and outputs. */
  text(text: string): string {
    if (this.#automaton === undefined) return text;
    const redactor = new Redactor();
    redactor.use(this.#automaton);
    return Buffer.concat([redactor.push(Buffer.from(text)), redactor.end()]).toString();
  }
}
