import { expect, test } from "vitest";
import { sseParser } from "./sse-parser.ts";

test("however the bytes are cut, the same messages come out", () => {
  const text = ': open\n\nid: 7\nevent: run\ndata: {"a":1}\n\nid: 8\ndata: x\ndata: y\r\n\r\n';
  const whole = sseParser()(text);
  expect(whole).toEqual([
    { id: "7", event: "run", text: '{"a":1}' },
    { id: "8", event: "message", text: "x\ny" },
  ]);
  for (let cut = 1; cut < text.length; cut++) {
    const parse = sseParser();
    expect([...parse(text.slice(0, cut)), ...parse(text.slice(cut))]).toEqual(whole);
  }
});
