// Reads the spool that a runner writes: segments in order, again from any offset, and deletes what has arrived.
import { closeSync, openSync, readSync, unlinkSync } from "node:fs";
import { decodeSpoolHeader, spoolHeaderBytes, spoolPieceName, type SpoolSegment } from "@capstan/proto";

interface Indexed extends SpoolSegment {
  readonly piece: number;
  readonly position: number;
}

export class SpoolReader {
  readonly #folder: string;
  readonly #attempt: string;
  readonly #epoch: number;
  /** Segments from the first one that is not deleted. */
  #index: Indexed[] = [];
  #piece: number;
  #position = 0;
  #firstPiece: number;
  readonly #fds = new Map<number, number>();

  constructor(folder: string, attempt: string, epoch: number, firstPiece = 0) {
    this.#folder = folder;
    this.#attempt = attempt;
    this.#epoch = epoch;
    this.#piece = firstPiece;
    this.#firstPiece = firstPiece;
  }

  /** End of the stream as far as it is on disk. */
  get availableBytes(): number {
    const last = this.#index.at(-1);
    return last === undefined ? 0 : last.offset + last.rawLength + last.gapBytes;
  }

  /** Looks for segments appended since the last call. */
  refresh(): void {
    const header = Buffer.allocUnsafe(spoolHeaderBytes);
    let isWhole = false;
    for (;;) {
      const fd = this.#fdOf(this.#piece);
      if (fd === undefined) return;
      const length = readSync(fd, header, 0, spoolHeaderBytes, this.#position);
      const segment = length === spoolHeaderBytes ? decodeSpoolHeader(header) : undefined;
      if (segment === undefined) {
        if (length !== 0) return;
        if (isWhole) {
          this.#piece++;
          this.#position = 0;
          isWhole = false;
          continue;
        }
        // The end of this piece, or of what is written. The next piece exists only where this one is whole, but this one
        // may have grown between the two looks: it is read once more.
        if (this.#fdOf(this.#piece + 1) === undefined) return;
        isWhole = true;
        continue;
      }
      this.#index.push({ ...segment, piece: this.#piece, position: this.#position + spoolHeaderBytes });
      this.#position += spoolHeaderBytes + segment.payloadBytes;
    }
  }

  /** The segment that begins at `offset`, with its payload; undefined where there is none (yet). */
  at(offset: number): { readonly segment: SpoolSegment; readonly payload: Buffer } | undefined {
    let low = 0;
    let high = this.#index.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.#index[middle];
      if (found === undefined) return undefined;
      if (found.offset === offset) return this.#read(found);
      if (found.offset < offset) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  /** Where the first segment behind `offset` begins; undefined where there is none. */
  after(offset: number): number | undefined {
    return this.#index.find((segment) => segment.offset > offset)?.offset;
  }

  /** Deletes pieces whose every segment ends at or before `bytes`. */
  release(bytes: number): void {
    let keep = 0;
    while (keep < this.#index.length) {
      const segment = this.#index[keep];
      if (segment === undefined || segment.offset + segment.rawLength + segment.gapBytes > bytes) break;
      keep++;
    }
    const firstKept = this.#index[keep]?.piece ?? this.#piece;
    if (firstKept === this.#firstPiece) return;
    this.#index = this.#index.filter((segment) => segment.piece >= firstKept);
    for (; this.#firstPiece < firstKept; this.#firstPiece++) this.#remove(this.#firstPiece);
  }

  /** Deletes everything. */
  remove(): void {
    for (let piece = this.#firstPiece; piece <= this.#piece; piece++) this.#remove(piece);
    this.#index = [];
  }

  #read(found: Indexed): { segment: SpoolSegment; payload: Buffer } | undefined {
    const payload = Buffer.allocUnsafe(found.payloadBytes);
    if (found.payloadBytes === 0) return { segment: found, payload };
    const fd = this.#fdOf(found.piece);
    if (fd === undefined || readSync(fd, payload, 0, payload.length, found.position) !== payload.length)
      return undefined;
    return { segment: found, payload };
  }

  #fdOf(piece: number): number | undefined {
    const known = this.#fds.get(piece);
    if (known !== undefined) return known;
    try {
      const fd = openSync(`${this.#folder}/${spoolPieceName(this.#attempt, this.#epoch, piece)}`, "r");
      this.#fds.set(piece, fd);
      return fd;
    } catch {
      return undefined;
    }
  }

  #remove(piece: number): void {
    const fd = this.#fds.get(piece);
    if (fd !== undefined) closeSync(fd);
    this.#fds.delete(piece);
    try {
      unlinkSync(`${this.#folder}/${spoolPieceName(this.#attempt, this.#epoch, piece)}`);
    } catch {
      // It was never made, or is gone.
    }
  }
}
