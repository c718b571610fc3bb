import { expect, test } from "vitest";
import { isAfter, parsePosition, positionText, type LoggedEvents } from "./event-log.ts";
import { framesOf } from "./frames.ts";
import { parseTopics, wants } from "./topic.ts";

const runId = "01a20a8e-20bc-7ff5-a91e-e8b265cf64ec";
const events = (items: LoggedEvents["items"]): LoggedEvents => ({
  position: { tx: "9", id: "1" },
  projectId: "p",
  runId,
  workflow: "hello",
  number: 3,
  at: "2026-11-23T22:00:00.000Z",
  items,
});

test("positions are ordered by transaction, then by row, beyond what a double can hold", () => {
  const big = "9007199254740993";
  expect(isAfter({ tx: big, id: "1" }, { tx: "9007199254740992", id: "9" })).toBe(true);
  expect(isAfter({ tx: "10", id: "2" }, { tx: "9", id: "99" })).toBe(true);
  expect(isAfter({ tx: "9", id: "1" }, { tx: "9", id: "1" })).toBe(false);
  expect(parsePosition(positionText({ tx: big, id: "7" }))).toEqual({ tx: big, id: "7" });
  expect(parsePosition("1; DROP")).toBeUndefined();
});

test("a reader of one run gets its tasks; a reader of lists gets runs only", () => {
  const row = events([
    { type: "run.started", from: "queued", to: "running" },
    { type: "task.running", task: "a", to: "running" },
  ]);
  const got = (topics: string) =>
    framesOf(row)
      .filter((frame) => wants(parseTopics(topics), row, frame))
      .map((frame) => frame.type);
  expect(got("run:hello-3")).toEqual(["run", "task"]);
  expect(got("runs")).toEqual(["run"]);
  expect(got("workflow:hello")).toEqual(["run"]);
  expect(got("run:hello-33,workflow:hell,agents")).toEqual([]);
});

test.each(["", "run:", "everything", "run:hello", "runs,", `${"runs,".repeat(20)}runs`])(
  "topics %j are refused",
  (topics) => {
    expect(() => parseTopics(topics)).toThrow(expect.objectContaining({ code: "malformed" }));
  },
);
