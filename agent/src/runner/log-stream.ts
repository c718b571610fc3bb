// From bytes of a task to segments of its canonical log stream (docs/protocol.md, "Logs").
//  S1. Records are `<s><t36> <bytes>\n`; `s` is o, e or s, in capitals where no newline followed in the original.
//  S2. A segment begins with `s0 @<base ms>`, is cut at a record's end, holds at most 64 KiB, and is never cut anew.
//  S3. Each stream can be had back byte for byte.
import { createHash, type Hash } from "node:crypto";
import { logSegmentBytesMax } from "@capstan/proto";

export type StreamName = "o" | "e" | "s";
const newline = 10;
const space = 32;
/** Room for the letter, the time in base 36, the space and the newline of a record. */
const recordRoom = 16;

export interface RawSegment {
  readonly bytes: Buffer;
  readonly offset: number;
}

export interface LogStreamOptions {
  readonly now: () => number;
  readonly onSegment: (segment: RawSegment) => void;
}

export class LogStream {
  readonly #now: () => number;
  readonly #onSegment: (segment: RawSegment) => void;
  readonly #hash: Hash = createHash("sha256");
  #buffer: Buffer = Buffer.alloc(0);
  #used = 0;
  #baseMs = 0;
  #offset = 0;
  #gaps = 0;
  /** What has no newline yet, by stream: complete lines are nicer to read, so it waits for the next flush. */
  readonly #partial: Record<StreamName, Buffer[]> = { o: [], e: [], s: [] };
  readonly #partialBytes: Record<StreamName, number> = { o: 0, e: 0, s: 0 };
  /** True where the unfinished line was there at the last `flushRipe` already. */
  readonly #isRipe: Record<StreamName, boolean> = { o: false, e: false, s: false };

  constructor(options: LogStreamOptions) {
    this.#now = options.now;
    this.#onSegment = options.onSegment;
  }

  /** Length of the canonical stream, gaps included. */
  get bytes(): number {
    return this.#offset + this.#used;
  }
  get gaps(): number {
    return this.#gaps;
  }
  /** True where a flush would produce something. */
  get isDirty(): boolean {
    return this.#used > 0 || this.#partialBytes.o + this.#partialBytes.e + this.#partialBytes.s > 0;
  }

  write(stream: StreamName, chunk: Buffer): void {
    let from = 0;
    let end = chunk.indexOf(newline);
    while (end !== -1) {
      const waiting = this.#takePartial(stream);
      if (waiting === undefined) this.#line(stream, chunk, from, end, true);
      else {
        const line = Buffer.concat([waiting, chunk.subarray(from, end)]);
        this.#line(stream, line, 0, line.length, true);
      }
      from = end + 1;
      end = chunk.indexOf(newline, from);
    }
    if (from < chunk.length) {
      // A copy: the pipe's buffer is used again.
      this.#partial[stream].push(Buffer.from(chunk.subarray(from)));
      this.#partialBytes[stream] += chunk.length - from;
      if (this.#partialBytes[stream] >= logSegmentBytesMax / 2) this.#flushPartial(stream);
    }
  }

  /** Cuts the segment, unfinished lines included. */
  flush(): void {
    for (const stream of ["o", "e", "s"] as const) this.#flushPartial(stream);
    this.#cut();
  }

  /**
   * Cuts the segment. An unfinished line is included only where it has waited since the last call: of a task that writes
   * without pause the line in its middle is a matter of microseconds, and would be torn in two.
   */
  flushRipe(): void {
    for (const stream of ["o", "e", "s"] as const) {
      if (this.#isRipe[stream]) this.#flushPartial(stream);
      else this.#isRipe[stream] = this.#partialBytes[stream] > 0;
    }
    this.#cut();
  }

  /** Bytes of the task that were left out. They move the offset and are in no digest. */
  gap(bytesLeftOut: number): number {
    this.#cut();
    const at = this.#offset;
    this.#offset += bytesLeftOut;
    this.#gaps++;
    return at;
  }

  /** Digest of all canonical bytes. Ends the stream. */
  digest(): string {
    return this.#hash.digest("hex");
  }

  #takePartial(stream: StreamName): Buffer | undefined {
    if (this.#partialBytes[stream] === 0) return undefined;
    const bytes = Buffer.concat(this.#partial[stream]);
    this.#partial[stream] = [];
    this.#partialBytes[stream] = 0;
    this.#isRipe[stream] = false;
    return bytes;
  }

  #flushPartial(stream: StreamName): void {
    const bytes = this.#takePartial(stream);
    if (bytes !== undefined) this.#line(stream, bytes, 0, bytes.length, false);
  }

  #line(stream: StreamName, bytes: Buffer, from: number, to: number, ended: boolean): void {
    let at = from;
    for (;;) {
      if (
        this.#used > 0 &&
        this.#used + recordRoom + (to - at) > logSegmentBytesMax &&
        to - at < logSegmentBytesMax / 2
      )
        this.#cut();
      if (this.#used + recordRoom >= logSegmentBytesMax) this.#cut();
      if (this.#used === 0) this.#begin();
      const room = logSegmentBytesMax - this.#used - recordRoom;
      const length = Math.min(room, to - at);
      const isLast = at + length === to;
      const t = Math.max(0, Math.round(this.#now() - this.#baseMs)).toString(36);
      const name = isLast && ended ? stream : stream.toUpperCase();
      this.#used += this.#buffer.write(`${name}${t}`, this.#used, "latin1");
      this.#buffer[this.#used++] = space;
      this.#used += bytes.copy(this.#buffer, this.#used, at, at + length);
      this.#buffer[this.#used++] = newline;
      at += length;
      if (isLast) return;
    }
  }

  #begin(): void {
    // Made with the first byte: most attempts write nothing, and many share one runner.
    if (this.#buffer.length === 0) this.#buffer = Buffer.allocUnsafeSlow(logSegmentBytesMax);
    this.#baseMs = this.#now();
    this.#used = this.#buffer.write(`s0 @${this.#baseMs}\n`, 0, "latin1");
  }

  #cut(): void {
    if (this.#used === 0) return;
    const bytes = this.#buffer.subarray(0, this.#used);
    const offset = this.#offset;
    this.#hash.update(bytes);
    this.#offset += this.#used;
    this.#used = 0;
    this.#onSegment({ bytes, offset });
  }
}
