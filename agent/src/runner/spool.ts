// The spool of one attempt: segments on disk until the control plane has them.
//  P1. Bytes on disk are masked already.
//  P2. The file is made with the first segment: an attempt that writes nothing touches no disk.
//  P3. What is not acknowledged is bounded: above the limit the pipes are not read (`block`) or bytes are left out
//      with their number (`drop`).
import { closeSync, fdatasync, openSync, writeSync } from "node:fs";
import { crc32, gzipSync } from "node:zlib";
import {
  encodeSpoolHeader,
  spoolHeaderBytes,
  spoolPieceBytesMax,
  spoolPieceName,
  type SpoolSegment,
} from "@capstan/proto";
import type { RawSegment } from "./log-stream.ts";

/** Below this, gzip costs more than it saves. */
const compressBytesMin = 512;
export const spoolBytesMax = 256 * 1024 * 1024;

export class Spool {
  readonly #folder: string;
  readonly #attempt: string;
  readonly #epoch: number;
  #fd: number | undefined;
  #piece = 0;
  #pieceBytes = 0;
  #unsynced = false;

  constructor(folder: string, attempt: string, epoch: number) {
    this.#folder = folder;
    this.#attempt = attempt;
    this.#epoch = epoch;
  }

  append(segment: RawSegment): void {
    const { bytes, offset } = segment;
    const packed = bytes.length >= compressBytesMin ? gzipSync(bytes, { level: 1 }) : bytes;
    const payload = packed.length < bytes.length ? packed : bytes;
    this.#write(
      {
        payloadBytes: payload.length,
        codec: payload === bytes ? 0 : 1,
        rawLength: bytes.length,
        offset,
        crc32: crc32(bytes),
        gapBytes: 0,
      },
      payload,
    );
  }

  appendGap(offset: number, gapBytes: number): void {
    this.#write({ payloadBytes: 0, codec: 0, rawLength: 0, offset, crc32: 0, gapBytes }, new Uint8Array());
  }

  /** Makes what was written survive a power cut. Called now and then, never in the path of a start or an end. */
  sync(): void {
    if (!this.#unsynced || this.#fd === undefined) return;
    this.#unsynced = false;
    fdatasync(this.#fd, () => undefined);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #write(segment: SpoolSegment, payload: Uint8Array): void {
    if (this.#fd === undefined || this.#pieceBytes >= spoolPieceBytesMax) {
      this.close();
      this.#fd = openSync(`${this.#folder}/${spoolPieceName(this.#attempt, this.#epoch, this.#piece++)}`, "ax", 0o600);
      this.#pieceBytes = 0;
    }
    const record = Buffer.allocUnsafe(spoolHeaderBytes + payload.length);
    record.set(encodeSpoolHeader(segment), 0);
    record.set(payload, spoolHeaderBytes);
    let at = 0;
    while (at < record.length) at += writeSync(this.#fd, record, at);
    this.#pieceBytes += record.length;
    this.#unsynced = true;
  }
}
