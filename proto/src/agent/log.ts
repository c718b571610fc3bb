// Log frames (binary) and their answers. All offsets count bytes of the attempt's one canonical stream
// (docs/protocol.md, "Logs").
//  G1. Sending advances no position; only `log.ack` does. `log.nack.expect` says where to go on.
//  G2. A gap moves the offset by the bytes left out; digests leave gaps out.
import { z } from "zod";
import { idFromUuid, uuidFromBytes, uuidFromId, uuidToBytes, type AttemptId } from "../id.ts";
import { logSegmentBytesMax } from "../size.ts";
import { attemptIdSchema, countSchema } from "./attempt-ref.ts";

export const logAckSchema = z.object({
  attempt: attemptIdSchema,
  /** Committed length of the canonical stream. */
  bytes: countSchema,
  /** New window of this attempt in bytes. */
  window: countSchema.optional(),
  /** True once the end was acknowledged: all bytes are there, or the server has given up waiting. */
  complete: z.boolean().optional(),
});
export type LogAck = z.infer<typeof logAckSchema>;

export const logNackSchema = z.object({
  attempt: attemptIdSchema,
  expect: countSchema,
  reason: z.enum(["gap", "corrupt", "closed", "quota"]),
});
export type LogNack = z.infer<typeof logNackSchema>;

export const logFrameKind = 0x01;
export const otlpFrameKind = 0x02;
export const logHeaderBytes = 44;
export const logCodecs = { none: 0, gzip: 1, zstd: 2 } as const;
export type LogCodec = (typeof logCodecs)[keyof typeof logCodecs];
export const gapCauses = { limit: 1, diskFull: 2, dropped: 3, spoolLost: 4 } as const;
export type GapCause = (typeof gapCauses)[keyof typeof gapCauses];

export interface LogFrameHeader {
  readonly attempt: AttemptId;
  readonly epoch: number;
  readonly codec: LogCodec;
  /** The stream ends here: `offset` is its length. */
  readonly last: boolean;
  /** `gapBytes` are missing at `offset`. */
  readonly gap: boolean;
  /** For watching only; not stored, no offset of the stream. */
  readonly liveOnly: boolean;
  /** 1 … 65,536; 0 with `last` or `gap`. */
  readonly rawLength: number;
  readonly offset: number;
  /** CRC-32 of the raw (uncompressed) payload, as `zlib.crc32` gives it; 0 without one. */
  readonly crc32: number;
}

export interface LogFrame extends LogFrameHeader {
  /** As it travels: compressed by `codec`. A view into the frame's buffer. */
  readonly payload: Uint8Array;
  readonly gapBytes: number;
  readonly gapCause: GapCause | 0;
}

/** One log frame as bytes, big-endian. `payload` is already compressed; for gaps use `encodeLogGap`. */
export function encodeLogFrame(header: LogFrameHeader, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(logHeaderBytes + payload.length);
  const view = new DataView(bytes.buffer);
  const uuid = uuidFromId("att", header.attempt);
  if (uuid === undefined) throw new RangeError(`not an attempt id: ${header.attempt}`);
  bytes[0] = logFrameKind;
  bytes[1] = header.codec;
  view.setUint16(2, (header.last ? 1 : 0) | (header.gap ? 2 : 0) | (header.liveOnly ? 4 : 0));
  view.setUint32(4, header.rawLength);
  view.setBigUint64(8, BigInt(header.offset));
  bytes.set(uuidToBytes(uuid), 16);
  view.setBigUint64(32, BigInt(header.epoch));
  view.setUint32(40, header.crc32);
  bytes.set(payload, logHeaderBytes);
  return bytes;
}

/** The payload of a gap frame: u64 bytes left out, u8 cause. */
export function encodeLogGap(bytesLeftOut: number, cause: GapCause): Uint8Array {
  const payload = new Uint8Array(9);
  new DataView(payload.buffer).setBigUint64(0, BigInt(bytesLeftOut));
  payload[8] = cause;
  return payload;
}

/**
 * Reads one log frame. The payload is not decompressed and its CRC not checked here: that needs `zlib` and is the
 * receiver's. Undefined where the bytes break the format (unknown codec, reserved bits, lengths, offsets above 2^53).
 */
export function decodeLogFrame(bytes: Uint8Array): LogFrame | undefined {
  if (bytes.length < logHeaderBytes || bytes[0] !== logFrameKind) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const codec = codecOf(view.getUint8(1));
  const flags = view.getUint16(2);
  const rawLength = view.getUint32(4);
  const offset = Number(view.getBigUint64(8));
  const epoch = Number(view.getBigUint64(32));
  if (codec === undefined || flags > 7 || rawLength > logSegmentBytesMax) return undefined;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(epoch) || epoch < 1) return undefined;
  const last = (flags & 1) !== 0;
  const gap = (flags & 2) !== 0;
  const liveOnly = (flags & 4) !== 0;
  const payload = bytes.subarray(logHeaderBytes);
  if (
    gap ? payload.length !== 9 || rawLength !== 0 : rawLength === 0 ? !last || payload.length > 0 : payload.length === 0
  ) {
    return undefined;
  }
  const attempt = idFromUuid("att", uuidFromBytes(bytes.subarray(16, 32)));
  let gapBytes = 0;
  let gapCause: GapCause | 0 = 0;
  if (gap) {
    gapBytes = Number(view.getBigUint64(logHeaderBytes));
    const cause = gapCauseOf(view.getUint8(logHeaderBytes + 8));
    if (!Number.isSafeInteger(gapBytes) || cause === undefined) return undefined;
    gapCause = cause;
  }
  return {
    attempt,
    epoch,
    codec,
    last,
    gap,
    liveOnly,
    rawLength,
    offset,
    crc32: view.getUint32(40),
    payload,
    gapBytes,
    gapCause,
  };
}

const codecOf = (byte: number): LogCodec | undefined => (byte === 0 || byte === 1 || byte === 2 ? byte : undefined);
const gapCauseOf = (byte: number): GapCause | undefined =>
  byte === 1 || byte === 2 || byte === 3 || byte === 4 ? byte : undefined;
