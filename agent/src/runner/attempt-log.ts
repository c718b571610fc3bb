// The log of one attempt inside its runner: masked, cut, spooled, and held back where nobody fetches it.
import type { Readable } from "node:stream";
import { LogStream, type StreamName } from "./log-stream.ts";
import { Masking, Redactor } from "./redact.ts";
import { Spool, spoolBytesMax } from "./spool.ts";

const watchedFlushMs = 100;
const idleFlushMs = 1000;
/** While the log is young, somebody is probably looking. */
const youngMs = 60_000;

export interface AttemptLogOptions {
  readonly folder: string;
  readonly attempt: string;
  readonly epoch: number;
  readonly onFull: "block" | "drop";
  readonly now: () => number;
  /** The spool has grown to `bytes`. */
  readonly onLogged: (bytes: number) => void;
  readonly spoolBytesMax?: number;
}

export class AttemptLog {
  readonly masking = new Masking();
  readonly #options: AttemptLogOptions;
  readonly #stream: LogStream;
  readonly #spool: Spool;
  readonly #redactors: Readonly<Record<StreamName, Redactor>> = {
    o: new Redactor(),
    e: new Redactor(),
    s: new Redactor(),
  };
  readonly #pipes = new Set<Readable>();
  readonly #startedMs: number;
  readonly #max: number;
  #drained = 0;
  #dropped = 0;
  #isBlocked = false;
  #watched = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AttemptLogOptions) {
    this.#options = options;
    this.#max = options.spoolBytesMax ?? spoolBytesMax;
    this.#startedMs = options.now();
    this.#spool = new Spool(options.folder, options.attempt, options.epoch);
    this.#stream = new LogStream({
      now: options.now,
      onSegment: (segment) => {
        this.#spool.append(segment);
        options.onLogged(segment.offset + segment.bytes.length);
        this.#checkRoom();
      },
    });
  }

  get bytes(): number {
    return this.#stream.bytes;
  }

  /** True while the task's pipes are not read because the spool is full. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Registers secret values; returns how many were too short to be masked. */
  mask(values: readonly (string | Uint8Array)[]): number {
    const short = this.masking.add(values);
    for (const name of ["o", "e", "s"] as const) {
      const freed = this.#redactors[name].use(this.masking.automaton);
      if (freed.length > 0) this.#take(name, freed);
    }
    return short;
  }

  write(name: StreamName, chunk: Buffer): void {
    const masked = this.#redactors[name].push(chunk);
    if (masked.length > 0) this.#take(name, masked);
  }

  note(text: string): void {
    this.write("s", Buffer.from(`${text}\n`));
  }

  /** Reads a pipe of the task until its end, no faster than the spool has room. */
  follow(name: StreamName, pipe: Readable): void {
    this.#pipes.add(pipe);
    pipe.on("data", (chunk: Buffer) => this.write(name, chunk));
    pipe.on("error", () => undefined); // the end of a killed process
    pipe.on("close", () => this.#pipes.delete(pipe));
    if (this.#isBlocked) pipe.pause();
  }

  /** The control plane has `bytes` of the stream. */
  drained(bytes: number): void {
    this.#drained = Math.max(this.#drained, bytes);
    if (this.#isBlocked && this.#stream.bytes - this.#drained <= this.#max) {
      this.#isBlocked = false;
      for (const pipe of this.#pipes) pipe.resume();
    }
  }

  watch(watched: boolean): void {
    this.#watched = watched;
  }

  /** Ends the stream. Undefined where nothing was ever written. */
  end(): { bytes: number; sha256: string; gaps: number } | undefined {
    for (const name of ["o", "e", "s"] as const) {
      const rest = this.#redactors[name].end();
      if (rest.length > 0) this.#take(name, rest);
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writeGap();
    this.#stream.flush();
    this.#spool.sync();
    this.#spool.close();
    const { bytes, gaps } = this.#stream;
    return bytes === 0 ? undefined : { bytes, sha256: this.#stream.digest(), gaps };
  }

  #take(name: StreamName, bytes: Buffer): void {
    if (this.#options.onFull === "drop") {
      if (this.#stream.bytes + bytes.length - this.#drained > this.#max) {
        this.#dropped += bytes.length;
        return;
      }
      this.#writeGap();
    }
    this.#stream.write(name, bytes);
    this.#flushSoon();
  }

  #flushSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#stream.flushRipe();
      this.#spool.sync();
      if (this.#stream.isDirty) this.#flushSoon();
    }, this.#flushMs());
  }

  #writeGap(): void {
    if (this.#dropped === 0) return;
    const offset = this.#stream.gap(this.#dropped);
    this.#spool.appendGap(offset, this.#dropped);
    this.#dropped = 0;
  }

  #checkRoom(): void {
    if (this.#isBlocked || this.#options.onFull === "drop") return;
    if (this.#stream.bytes - this.#drained <= this.#max) return;
    this.#isBlocked = true;
    for (const pipe of this.#pipes) pipe.pause();
  }

  #flushMs(): number {
    return this.#watched || this.#options.now() - this.#startedMs < youngMs ? watchedFlushMs : idleFlushMs;
  }
}
