import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { decodeLogFrame, idFromUuid, spoolPieceName, uuidV7, type LogFrame } from "@capstan/proto";
import { afterAll, expect, test } from "vitest";
import { Spool } from "../runner/spool.ts";
import { until } from "../testing/agent-fixture.ts";
import { LogSender } from "./log-sender.ts";

const folder = mkdtempSync(`${tmpdir()}/capstan-sender-`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a piece of the spool that is gone is told as a gap, and what follows it is sent", async () => {
  const attempt = idFromUuid("att", uuidV7(Date.now(), randomBytes(10)));
  const spool = new Spool(folder, attempt, 1);
  const size = 64 * 1024;
  const segments = 400; // random bytes do not compress: more than three pieces of 8 MiB
  for (let n = 0; n < segments; n++) spool.append({ bytes: randomBytes(size), offset: n * size });
  spool.close();
  unlinkSync(`${folder}/${spoolPieceName(attempt, 1, 1)}`);
  const frames: LogFrame[] = [];
  const sender = new LogSender({
    spoolFolder: folder,
    send: (bytes, written) => {
      const frame = decodeLogFrame(bytes);
      if (frame === undefined) throw new Error("a frame that cannot be read");
      frames.push(frame);
      const end = frame.offset + frame.rawLength + frame.gapBytes;
      setImmediate(() => {
        written();
        sender.acknowledge({ attempt, bytes: end, window: 2 ** 20 });
      });
      return true;
    },
    onDrained: () => undefined,
    onComplete: () => undefined,
  });
  sender.setLive(true);
  sender.ended(attempt, 1, segments * size);
  await until(() => frames.some((frame) => frame.last));
  let at = 0;
  let lost = 0;
  for (const frame of frames) {
    expect(frame.offset).toBe(at);
    at += frame.rawLength + frame.gapBytes;
    lost += frame.gapBytes;
  }
  expect(at).toBe(segments * size);
  expect(lost).toBeGreaterThan(0);
  expect(lost % size).toBe(0);
});
