import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { OutputSlices } from "./output-slices.ts";

const begin = "\0capstan 1 begin\0";
const end = "\0capstan 1 end\0";

async function textOf(chunks: readonly string[]): Promise<string> {
  const source = new PassThrough();
  const slices = new OutputSlices(source);
  const slice = slices.next(begin, end);
  for (const chunk of chunks) source.write(Buffer.from(chunk, "latin1"));
  let text = "";
  for await (const chunk of slice as AsyncIterable<Buffer>) text += chunk.toString("latin1");
  expect(slices.isIdle).toBe(true);
  return text;
}

test("what stands outside of the marks belongs to nobody, wherever the chunks are cut", async () => {
  const whole = `late${begin}one\0two${end}later`;
  for (let at = 0; at <= whole.length; at++) {
    expect(await textOf([whole.slice(0, at), whole.slice(at)])).toBe("one\0two");
  }
  expect(await textOf([...whole])).toBe("one\0two");
});

test("what only looks like a mark is output", async () => {
  const looks = "\0capstan 1 en\0capstan 2 end\0\0";
  expect(await textOf([begin, looks, end])).toBe(looks);
});

test("a source that ends closes the slice with what was there, and is not idle", async () => {
  const source = new PassThrough();
  const slices = new OutputSlices(source);
  const slice = slices.next(begin, end);
  source.end(Buffer.from(`${begin}half\0cap`, "latin1"));
  let text = "";
  for await (const chunk of slice as AsyncIterable<Buffer>) text += chunk.toString("latin1");
  expect([text, slices.isIdle]).toEqual(["half\0cap", false]);
});

test("a slice that nobody reads holds its source back", async () => {
  const source = new PassThrough();
  const slices = new OutputSlices(source);
  slices.next(begin, end);
  source.write(Buffer.from(begin, "latin1"));
  for (let n = 0; n < 64; n++) source.write(Buffer.alloc(16 * 1024, 97));
  await expect.poll(() => source.isPaused()).toBe(true);
});
