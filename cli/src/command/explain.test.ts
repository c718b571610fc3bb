import { expect, test } from "vitest";
import { explanationText } from "./explain.ts";

const since = "2027-01-05T10:00:00.000Z";
const now = Date.parse(since) + 372_000;

test("what waits is told with its reason, evidence in words, the funnel, and one next step", () => {
  const text = explanationText(
    {
      subject: "hello-1/greet",
      run: "hello-1",
      task: "greet",
      state: "queued",
      code: "agents_busy",
      detail: "greet has been queued for 6 m 12 s.",
      since,
      evidence: { wants: { pool: "onprem", labels: {} }, busy: ["a", "b"], offline: [] },
      funnel: [
        { step: "in the project", count: 2, agents: ["a", "b"] },
        { step: "with a free slot", count: 0, agents: [] },
      ],
      failure: null,
      do: "add an agent: capstan pools token onprem",
    },
    now,
  );
  expect(text.split("\n")).toEqual([
    "hello-1/greet is queued for 6 m 12 s: agents_busy",
    "  greet has been queued for 6 m 12 s.",
    "  wants   pool=onprem",
    "  busy    a, b",
    "  agents  2 in the project → 0 with a free slot",
    "  do      add an agent: capstan pools token onprem",
    "",
  ]);
});

test("what has ended is not told to go on, keys of any length keep their distance, and the exception's type is there", () => {
  const text = explanationText(
    {
      subject: "hello-1/greet",
      run: "hello-1",
      task: "greet",
      state: "cancelled",
      code: "cancelled",
      detail: "greet was cancelled.",
      since,
      evidence: { attempts: 1, dueMs: 1795475979701.1487 },
      failure: {
        class: "error",
        code: "exception",
        message: "'nothing'",
        type: "KeyError",
        file: "jobs/x.py",
        line: 3,
      },
      do: null,
    },
    now,
  );
  expect(text.split("\n")).toEqual([
    "hello-1/greet is cancelled: cancelled",
    "  greet was cancelled.",
    "  why     error exception: KeyError: 'nothing' (jobs/x.py:3)",
    "  attempts 1",
    "",
  ]);
});

test("a failure is told with class, code, message, file and line, and cannot steer the terminal", () => {
  const text = explanationText(
    {
      subject: "daily-1/load",
      run: "daily-1",
      task: "load",
      state: "failed",
      code: "exception",
      detail: "load failed.",
      since,
      evidence: {},
      failure: { class: "error", code: "exception", message: "no such table\u001b[2J", file: "jobs/load.py", line: 12 },
      do: null,
    },
    now,
  );
  expect(text).toContain("why     error exception: no such table [2J (jobs/load.py:12)");
  expect(text).not.toContain("\u001b");
});
