// One log segment as it came: checked once, its lines counted, never parsed.
import { constants, crc32, gunzipSync, zstdDecompressSync } from "node:zlib";
import { logCodecs, logSegmentBytesMax, type LogFrame } from "@capstan/proto";

export interface CheckedSegment {
  /** The canonical bytes. */
  readonly raw: Uint8Array;
  /** Records of the segment without its base record. */
  readonly lines: number;
  /** Unix ms that the times of its records count from; 0 where it has no base record. */
  readonly baseMs: number;
}

const newline = 10;

/** Decompresses up to the stated length and checks length, CRC and end; undefined where any of them is wrong. */
export function checkSegment(
  frame: Pick<LogFrame, "codec" | "rawLength" | "crc32" | "payload">,
): CheckedSegment | undefined {
  const raw = inflate(frame.codec, frame.payload);
  if (raw === undefined || raw.length !== frame.rawLength || raw[raw.length - 1] !== newline) return undefined;
  if (crc32(raw) !== frame.crc32) return undefined;
  const baseMs = baseOf(raw);
  return { raw, lines: countNewlines(raw) - (baseMs === undefined ? 0 : 1), baseMs: baseMs ?? 0 };
}

/** The canonical bytes of a stored segment. @throws where it does not decompress */
export function inflate(codec: number, payload: Uint8Array): Uint8Array | undefined {
  const options = { maxOutputLength: logSegmentBytesMax };
  try {
    if (codec === logCodecs.none) return payload;
    if (codec === logCodecs.gzip) return gunzipSync(payload, { ...options, finishFlush: constants.Z_FINISH });
    return zstdDecompressSync(payload, options);
  } catch {
    return undefined;
  }
}

/** A scan over bytes: strings or an object per line would cost ten times as much. */
export function countNewlines(bytes: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === newline) count++;
  return count;
}

/** The base of `s0 @<ms>`, the first record of a segment. */
function baseOf(raw: Uint8Array): number | undefined {
  // 115 48 32 64 is "s0 @"
  if (raw[0] !== 115 || raw[1] !== 48 || raw[2] !== 32 || raw[3] !== 64) return undefined;
  let ms = 0;
  let i = 4;
  for (; i < raw.length && i < 20; i++) {
    const digit = (raw[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) break;
    ms = ms * 10 + digit;
  }
  return i > 4 && raw[i] === newline ? ms : undefined;
}
