// Segments of a log spool on disk: what the runner appends and the agent sends, byte for byte.
//  P1. A segment is cut once and never again; its offset counts bytes of the canonical stream (docs/protocol.md,
//      "Logs").
//  P2. Header and payload are appended with one write, so a reader sees a whole record or a torn tail, never a mixture.
import { logSegmentBytesMax } from "../size.ts";

/** u32 payload length, u8 codec, u8 flags (bit 0 gap), u16 0, u32 raw length, u64 offset, u32 CRC-32 of the raw bytes. */
export const spoolHeaderBytes = 24;
/** A spool is kept in pieces, so that what is acknowledged can be deleted. */
export const spoolPieceBytesMax = 4 * 1024 * 1024;

export interface SpoolSegment {
  readonly payloadBytes: number;
  readonly codec: 0 | 1;
  readonly rawLength: number;
  readonly offset: number;
  readonly crc32: number;
  /** Bytes left out at `offset`; 0 for a segment with content. */
  readonly gapBytes: number;
}

/** Name of a piece in the spool folder: attempt, epoch and the piece's number. */
export const spoolPieceName = (attempt: string, epoch: number, piece: number): string => `${attempt}.${epoch}.${piece}`;

export function encodeSpoolHeader(segment: SpoolSegment): Uint8Array {
  const bytes = new Uint8Array(spoolHeaderBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, segment.payloadBytes);
  view.setUint8(4, segment.codec);
  view.setUint8(5, segment.gapBytes > 0 ? 1 : 0);
  view.setUint32(8, segment.gapBytes > 0 ? segment.gapBytes : segment.rawLength);
  view.setBigUint64(12, BigInt(segment.offset));
  view.setUint32(20, segment.crc32);
  return bytes;
}

/** Reads one header, or undefined where the bytes are none (torn or foreign). */
export function decodeSpoolHeader(bytes: Uint8Array): SpoolSegment | undefined {
  if (bytes.length < spoolHeaderBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const payloadBytes = view.getUint32(0);
  const codec = view.getUint8(4);
  const gap = view.getUint8(5);
  const length = view.getUint32(8);
  const offset = Number(view.getBigUint64(12));
  if ((codec !== 0 && codec !== 1) || gap > 1 || view.getUint16(6) !== 0 || !Number.isSafeInteger(offset))
    return undefined;
  if (length === 0 || (gap === 0 && (length > logSegmentBytesMax || payloadBytes === 0))) return undefined;
  // gzip of bytes that do not compress grows them a little
  if (payloadBytes > logSegmentBytesMax + 1024) return undefined;
  const crc32 = view.getUint32(20);
  return { payloadBytes, codec, rawLength: gap ? 0 : length, offset, crc32, gapBytes: gap ? length : 0 };
}
