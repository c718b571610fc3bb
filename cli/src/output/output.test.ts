import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Output } from "./output.ts";

/** An output that says what it wrote, on no terminal. */
function spoken(fields: string): { out: Output; said: () => { data: string; talk: string } } {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const texts = { data: "", talk: "" };
  stdout.on("data", (part) => (texts.data += String(part)));
  stderr.on("data", (part) => (texts.talk += String(part)));
  const out = new Output({
    format: undefined,
    fields,
    color: false,
    isAscii: true,
    // Only `write` and `isTTY` of a stream are used.
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
  });
  return { out, said: () => texts };
}

test("a field that no row has is told on stderr, with the nearest; the data keep their form", async () => {
  const { out, said } = spoken("nme,state");
  out.list([{ name: "hello-1", state: "failed" }], [], (row) => row.name);
  await new Promise(setImmediate);
  expect(JSON.parse(said().data)).toEqual([{ nme: null, state: "failed" }]);
  expect(said().talk).toBe("! there is no field nme here. Did you mean name?\n");
});

test("no rows are no reason to doubt a field", async () => {
  const { out, said } = spoken("nme");
  out.list([], [], () => "");
  await new Promise(setImmediate);
  expect(said()).toEqual({ data: "[]\n", talk: "" });
});
