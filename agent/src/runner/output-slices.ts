// Cuts the stream of a warm interpreter into the outputs of its attempts, by marks that the runner draws anew for each.
//  O1. What stands outside of a pair of marks belongs to nobody and is thrown away: no attempt gets another's bytes.
//  O2. A slice that is not read holds its source back.
import { Readable } from "node:stream";

export class OutputSlices {
  readonly #source: Readable;
  #begin = Buffer.alloc(0);
  #end = Buffer.alloc(0);
  #state: "idle" | "waiting" | "open" = "idle";
  #held = Buffer.alloc(0);
  #slice: Readable | undefined;

  constructor(source: Readable) {
    this.#source = source;
    source.on("data", (chunk: Buffer) => this.#take(chunk));
    source.on("error", () => undefined); // `close` follows
    source.on("close", () => this.#close(false));
  }

  /** True where the last slice was closed by its mark. */
  get isIdle(): boolean {
    return this.#state === "idle";
  }

  /** The next slice, from one mark to the other. The one before must be over. */
  next(begin: string, end: string): Readable {
    this.#begin = Buffer.from(begin, "latin1");
    this.#end = Buffer.from(end, "latin1");
    this.#state = "waiting";
    this.#held = Buffer.alloc(0);
    const slice = new Readable({ read: () => void this.#source.resume() });
    this.#slice = slice;
    return slice;
  }

  #take(chunk: Buffer): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    for (;;) {
      if (this.#state === "idle") return;
      const mark = this.#state === "waiting" ? this.#begin : this.#end;
      const at = bytes.indexOf(mark);
      const found = at >= 0;
      const to = found ? at : bytes.length - beginningOf(mark, bytes);
      if (this.#state === "open" && to > 0 && this.#slice?.push(Buffer.from(bytes.subarray(0, to))) === false)
        this.#source.pause();
      if (!found) {
        this.#held = Buffer.from(bytes.subarray(to));
        return;
      }
      bytes = bytes.subarray(at + mark.length);
      if (this.#state === "waiting") this.#state = "open";
      else this.#close(true);
    }
  }

  #close(isMarked: boolean): void {
    const slice = this.#slice;
    this.#slice = undefined;
    if (slice === undefined) return;
    if (isMarked) {
      this.#state = "idle";
      this.#source.resume();
    } else if (this.#state === "open" && this.#held.length > 0) slice.push(this.#held);
    slice.push(null);
  }
}

/** How many bytes at the end may be the beginning of a mark. */
function beginningOf(mark: Buffer, bytes: Buffer): number {
  for (let length = Math.min(mark.length - 1, bytes.length); length > 0; length--)
    if (bytes.subarray(bytes.length - length).equals(mark.subarray(0, length))) return length;
  return 0;
}
