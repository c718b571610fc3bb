import { errorCatalogue, errorEntry, runStates } from "@capstan/proto";
import { expect, test } from "vitest";
import { exitCodeOf, exitCodeOfRun, exitCodes } from "./exit-code.ts";

const codeOf = (code: string): number => exitCodeOf(code, errorEntry(code)?.status);

test.each([
  [
    2,
    ["usage", "reference_unclear", "mock_missing", "file_unreadable", "malformed", "cursor_invalid", "filter_invalid"],
  ],
  [3, ["spec_invalid", "inputs_invalid", "cycle", "not_supported", "limit_exceeded", "body_too_large"]],
  [4, ["not_signed_in", "unauthenticated", "token_expired", "forbidden", "reauth_required", "origin_refused"]],
  [5, ["not_found"]],
  [6, ["state_conflict", "idempotency_key_reused", "count_changed", "limit_reached"]],
  [7, ["unreachable", "unavailable"]],
  [1, ["port_taken", "already_running", "data_newer", "audit_broken", "git_failed", "internal", "rate_limited"]],
] as const)("exit code %d is that of %j", (code, problems) => {
  expect(problems.map((problem) => [problem, codeOf(problem)])).toEqual(problems.map((problem) => [problem, code]));
});

test("every problem of the catalogue has an exit code that is none of a run's own", () => {
  const runs: ReadonlySet<number> = new Set([
    exitCodes.done,
    exitCodes.cancelled,
    exitCodes.waitsForPerson,
    exitCodes.timedOutHere,
    exitCodes.interrupted,
  ]);
  expect(Object.keys(errorCatalogue).filter((code) => runs.has(codeOf(code)))).toEqual([]);
});

test("a run that was waited for gives its own exit code", () => {
  const ended = runStates.filter((state) => ["succeeded", "failed", "timed_out", "cancelled"].includes(state));
  expect(Object.fromEntries(ended.map((state) => [state, exitCodeOfRun(state)]))).toEqual({
    succeeded: 0,
    failed: 1,
    timed_out: 1,
    cancelled: 8,
  });
});
