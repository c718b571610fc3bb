import { expect, test } from "vitest";
import { makeProgram } from "./main.ts";
import { withNextStep } from "./next-step.ts";
import type { Told } from "./told.ts";

const told = (code: string, detail: string): Told => ({
  code,
  detail,
  status: 0,
  next: "as it was",
  lines: [],
  document: {},
});
const next = (code: string, detail: string, ...argv: string[]): string =>
  withNextStep(told(code, detail), makeProgram(), argv).next;

test("what is not there leads to the list of what is, a wrong value to the help, and all else stays as it was", () => {
  expect(next("not_found", "There is no agent x in project default.")).toBe("capstan agents list");
  expect(next("not_found", "hello-1 has no task nope. Did you mean note?")).toBe("capstan runs show RUN");
  expect(next("not_found", "there is no constructor here")).toBe("as it was");
  expect(next("malformed", "…", "-o", "json", "backfills", "start", "x", "--from", "y")).toBe(
    "capstan backfills start --help",
  );
  expect(next("forbidden", "You need runs:cancel.")).toBe("as it was");
});
