// What an answer of a mock is to the engine: how an attempt ends, and when.
import { AppError, parseDuration, type Failure } from "@capstan/proto";
import type { FinishResult, PlanTask } from "@capstan/control-plane/engine";
import { outputsOfAnswer, type MockAnswer } from "./mock.ts";

const usualMs = 1_000;

const samples: Readonly<Record<string, unknown>> = {
  string: "text",
  integer: 1,
  number: 0.5,
  boolean: true,
  array: [],
  object: {},
  file: { $file: "file.csv" },
};
/** A mock of a task as it could be written. */
export const sampleOf = (task: PlanTask): string =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(task.task.outputs ?? { status: { type: "integer" } }).map(([name, { type }]) => [
        name,
        samples[type],
      ]),
    ),
  );

export const timedOut: Failure = {
  class: "timeout",
  code: "timeout",
  message: "the attempt took longer than its timeout",
};
export const failed = (failure: Failure, more: Partial<FinishResult> = {}): FinishResult => ({
  outcome: "failed",
  failure,
  ...more,
});

/** How long an answer takes, ms of virtual time. */
export function durationOf({ $after }: MockAnswer, task: string): number {
  if ($after === undefined) return usualMs;
  const ms = parseDuration($after);
  if (ms === undefined) throw new AppError("mock_missing", `$after of the mock of ${task} is no duration: ${$after}`);
  return ms;
}

/** As an agent ends an attempt. Whether the outputs are what is declared is the engine's to say. */
export function resultOf(answer: MockAnswer): FinishResult {
  const { $fail, $exitCode = 1, $skip } = answer;
  // As an agent understands 75: try again later.
  const $retryable = answer.$retryable ?? ($exitCode === 75 ? true : undefined);
  if ($skip === true) return { outcome: "succeeded", skip: true, exitCode: 77 };
  if ($fail === undefined) return { outcome: "succeeded", outputs: outputsOfAnswer(answer) };
  return failed(
    { class: "error", code: "exit", message: $fail, exitCode: $exitCode },
    { exitCode: $exitCode, ...($retryable === undefined ? {} : { retryable: $retryable }) },
  );
}
