import type { LogLine } from "@capstan/proto";
import { expect, test } from "vitest";
import { keeper } from "./logs.ts";

const line = (at: string, stream: LogLine["stream"], text: string): LogLine => ({
  task: "a",
  attempt: 1,
  line: 0,
  at,
  stream,
  text,
});
const lines = [
  line("2026-01-01T00:00:00.000Z", "stdout", "begun"),
  line("2026-01-01T00:01:00.000Z", "stderr", "connection refused"),
  line("2026-01-01T00:02:00.000Z", "stdout", "refused again"),
];

test("lines are narrowed by time, stream and pattern together", () => {
  expect(keeper({})).toBeUndefined();
  const texts = (keep: ReturnType<typeof keeper>): string[] =>
    lines.filter((one) => keep?.(one)).map((one) => one.text);
  expect(texts(keeper({ grep: /refused/u }))).toEqual(["connection refused", "refused again"]);
  expect(texts(keeper({ since: "2026-01-01T00:01:30.000Z" }))).toEqual(["refused again"]);
  expect(texts(keeper({ grep: /refused/u, stream: "stderr" }))).toEqual(["connection refused"]);
});
