// Records of the journal on disk: `u32 length ‖ u32 CRC-32 ‖ u8 type ‖ JSON`, big-endian; length counts type and JSON.
import { crc32 } from "node:zlib";

export const recordTypes = {
  connect: 1,
  taken: 2,
  rejected: 3,
  started: 4,
  event: 6,
  result: 7,
  reported: 8,
  forgotten: 9,
} as const;
export type RecordType = (typeof recordTypes)[keyof typeof recordTypes];
const headBytes = 8;
export const recordBytesMax = 2 * 1024 * 1024;

export interface JournalRecord {
  readonly type: number;
  readonly value: unknown;
}

export function encodeRecord(type: RecordType, value: unknown): Buffer {
  const json = JSON.stringify(value);
  const length = 1 + Buffer.byteLength(json);
  const bytes = Buffer.allocUnsafe(headBytes + length);
  bytes.writeUInt32BE(length, 0);
  bytes[headBytes] = type;
  bytes.write(json, headBytes + 1);
  bytes.writeUInt32BE(crc32(bytes.subarray(headBytes)), 4);
  return bytes;
}

/** Reads whole records up to the first bad one; `goodBytes` is where it begins. */
export function decodeRecords(bytes: Buffer): {
  readonly records: readonly JournalRecord[];
  readonly goodBytes: number;
} {
  const records: JournalRecord[] = [];
  let at = 0;
  while (at + headBytes < bytes.length) {
    const length = bytes.readUInt32BE(at);
    const end = at + headBytes + length;
    if (length < 1 || length > recordBytesMax || end > bytes.length) break;
    const body = bytes.subarray(at + headBytes, end);
    if (crc32(body) !== bytes.readUInt32BE(at + 4)) break;
    try {
      records.push({ type: body[0] ?? 0, value: JSON.parse(body.toString("utf8", 1)) });
    } catch {
      break;
    }
    at = end;
  }
  return { records, goodBytes: at };
}
