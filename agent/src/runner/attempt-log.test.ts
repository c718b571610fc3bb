import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { SpoolReader } from "../report/spool-reader.ts";
import { until } from "../testing/agent-fixture.ts";
import { AttemptLog } from "./attempt-log.ts";
import { LogStream } from "./log-stream.ts";

const folder = mkdtempSync(`${tmpdir()}/capstan-log-`);
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("with a full spool the task's pipe is not read until the control plane has caught up, and nothing is lost", async () => {
  const max = 256 * 1024;
  const log = new AttemptLog({
    folder,
    attempt: "att_full",
    epoch: 1,
    onFull: "block",
    now: Date.now,
    onLogged: () => undefined,
    spoolBytesMax: max,
  });
  const line = `${"x".repeat(99)}\n`;
  const lines = 20_000;
  let given = 0;
  const pipe = Readable.from(
    (function* () {
      for (; given < lines; given += 100) yield Buffer.from(line.repeat(100));
    })(),
    { objectMode: false, highWaterMark: 64 * 1024 },
  );
  log.follow("o", pipe);
  await until(() => log.isBlocked);
  const atBlock = given;
  expect(log.bytes).toBeLessThan(max + 256 * 1024);
  await new Promise((resolve) => setImmediate(resolve));
  expect(given).toBe(atBlock);
  while (!pipe.readableEnded) {
    log.drained(log.bytes);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const end = log.end();
  expect(given).toBe(lines);
  const reader = new SpoolReader(folder, "att_full", 1);
  reader.refresh();
  expect(reader.availableBytes).toBe(end?.bytes);
  const hash = createHash("sha256");
  let told = 0;
  for (let at = 0; at < reader.availableBytes;) {
    const found = reader.at(at);
    if (found === undefined) throw new Error(`no segment at ${at}`);
    const raw = found.segment.codec === 1 ? gunzipSync(found.payload) : found.payload;
    hash.update(raw);
    told += raw
      .toString()
      .split("\n")
      .filter((record) => record.startsWith("o")).length;
    at += found.segment.rawLength;
  }
  expect(hash.digest("hex")).toBe(end?.sha256);
  expect(told).toBe(lines);
});

test("a line that a task is writing without pause is not torn in two by a flush; one that waits is shown", () => {
  const texts: string[] = [];
  const stream = new LogStream({ now: () => 0, onSegment: ({ bytes }) => texts.push(bytes.toString()) });
  stream.write("o", Buffer.from("one\ntw"));
  stream.flushRipe();
  stream.write("o", Buffer.from("o\nname? "));
  stream.flushRipe();
  stream.flushRipe();
  expect(texts.map((text) => text.slice(text.indexOf("\n") + 1))).toEqual(["o0 one\n", "o0 two\n", "O0 name? \n"]);
  expect(stream.isDirty).toBe(false);
});
