import fc from "fast-check";
import { expect, test } from "vitest";
import { idFromUuid, uuidV7, uuidFromBytes } from "../id.ts";
import { decodeLogFrame, encodeLogFrame, encodeLogGap, type LogFrameHeader } from "./log.ts";
import { crc32Hex, formatJoinToken, parseJoinToken } from "./join-token.ts";

const attempt = idFromUuid("att", uuidV7(1_795_000_000_000, new Uint8Array(10).fill(7)));
const header: LogFrameHeader = {
  attempt,
  epoch: 3_000_001,
  codec: 1,
  last: false,
  gap: false,
  liveOnly: false,
  rawLength: 5,
  offset: 2 ** 40,
  crc32: 0xdeadbeef,
};

test("a log frame decodes to what was encoded, also inside a larger buffer", () => {
  const payload = Uint8Array.of(1, 2, 3);
  const bytes = encodeLogFrame(header, payload);
  const padded = new Uint8Array(bytes.length + 3);
  padded.set(bytes, 3);
  for (const view of [bytes, padded.subarray(3)]) {
    const frame = decodeLogFrame(view);
    expect(frame).toMatchObject({ ...header, gapBytes: 0 });
    expect([...(frame?.payload ?? [])]).toEqual([1, 2, 3]);
  }
});

test("a gap and an end have no raw bytes", () => {
  const gap = decodeLogFrame(
    encodeLogFrame({ ...header, codec: 0, gap: true, rawLength: 0, crc32: 0 }, encodeLogGap(1432, 2)),
  );
  expect(gap).toMatchObject({ gap: true, gapBytes: 1432, gapCause: 2 });
  const last = encodeLogFrame({ ...header, codec: 0, last: true, rawLength: 0, crc32: 0 }, new Uint8Array());
  expect(decodeLogFrame(last)).toMatchObject({ last: true, offset: 2 ** 40 });
});

test("reserved bits, unknown codecs and wrong lengths are refused", () => {
  const good = encodeLogFrame(header, Uint8Array.of(1));
  for (const [at, value] of [
    [0, 2],
    [1, 3],
    [2, 1],
    [3, 8],
    [5, 2],
    [8, 1],
  ] as const) {
    const bad = good.slice();
    bad[at] = value;
    expect(decodeLogFrame(bad), `byte ${at}`).toBeUndefined();
  }
  expect(decodeLogFrame(good.subarray(0, 43))).toBeUndefined();
  expect(decodeLogFrame(good.subarray(0, 44))).toBeUndefined();
});

test("no bytes make the decoder throw", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void decodeLogFrame(bytes)));
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 43, maxLength: 60 }),
      (bytes) => void decodeLogFrame(Uint8Array.of(1, ...bytes)),
    ),
  );
});

test("a join token survives its text, and a mistyped one does not", () => {
  const id = idFromUuid("jt", uuidFromBytes(new Uint8Array(16).fill(9)));
  const token = { id, secret: "0123456789abcdefghijklmnopqrstuvwxyz" };
  const text = formatJoinToken(token);
  expect(parseJoinToken(`${text}\n`)).toEqual(token);
  expect(parseJoinToken(text.replace("abc", "abd"))).toBeUndefined();
  expect(crc32Hex("123456789")).toBe("cbf43926");
});
