import type { LogLine } from "@capstan/proto";
import { expect, test } from "vitest";
import { logStore, windowLines } from "./log-store.ts";

const line = (number: number, text = `line ${number}`): LogLine => ({
  task: "t",
  attempt: 1,
  line: number,
  at: "2026-01-01T00:00:00.000Z",
  stream: "stdout",
  text,
});
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("only the windows around what is shown are fetched, and at most five are held", async () => {
  const asked: number[] = [];
  const store = logStore((from, limit) => {
    asked.push(from);
    return Promise.resolve({
      lines: Array.from({ length: limit }, (_, place) => line(from + place)),
      total: 1_000_000,
      bytes: 1,
    });
  });
  store.want(0, 1);
  await settle();
  expect(store.total()).toBe(1_000_000);
  for (let window = 1; window <= 6; window++) {
    store.want(window * windowLines, window * windowLines + 40);
    await settle();
  }
  expect(asked).toEqual([0, 1, 2, 3, 4, 5, 6].map((window) => window * windowLines));
  expect(store.line(0)).toBeUndefined();
  expect(store.line(6 * windowLines)?.text).toBe(`line ${6 * windowLines}`);
});

test("lines that follow brings twice are there once, and grow the log", async () => {
  const store = logStore(() => Promise.resolve({ lines: [line(0), line(1)], total: 2, bytes: 10 }));
  store.want(0, 1);
  await settle();
  store.append([line(1, "other"), line(2), line(3)]);
  expect([0, 1, 2, 3].map((number) => store.line(number)?.text)).toEqual(["line 0", "line 1", "line 2", "line 3"]);
  expect(store.total()).toBe(4);
});

test("a window that cannot be fetched is told and asked for again only on retry", async () => {
  let calls = 0;
  const store = logStore(() =>
    calls++ === 0 ? Promise.reject(new Error("away")) : Promise.resolve({ lines: [line(0)], total: 1, bytes: 1 }),
  );
  store.want(0, 1);
  await settle();
  store.want(0, 1);
  expect(calls).toBe(1);
  expect(store.error()).toBeInstanceOf(Error);
  store.retry();
  store.want(0, 1);
  await settle();
  expect(store.line(0)?.text).toBe("line 0");
});
