// What a task does in a rehearsal instead of its work.
import type { JsonObject, JsonValue } from "@capstan/proto";

/** Outputs; or a failure, a skip, or outputs after some time. As JSON, so that a file and a command line can say it too. */
export interface MockAnswer {
  /** The attempt fails with this message. */
  readonly $fail?: string;
  /** With `$fail`: the task's own word about another try. */
  readonly $retryable?: boolean;
  /** With `$fail`: what the process ended with (1). */
  readonly $exitCode?: number;
  /** The task run is skipped, as by exit code 77. */
  readonly $skip?: boolean;
  /** How long the attempt takes in virtual time: `90s` (1s). Longer than the task's timeout: it times out. */
  readonly $after?: string;
  readonly [output: string]: JsonValue | undefined;
}

/** What a mock is told: the values that the task would get. */
export interface MockCall {
  readonly task: string;
  /** From 1. */
  readonly attempt: number;
  readonly with: JsonObject;
}

/** One answer for each attempt; a list: one after the other, the last one again; a function: asked each time. */
export type Mock = MockAnswer | readonly MockAnswer[] | ((call: MockCall) => MockAnswer | Promise<MockAnswer>);

/** The attempt fails. */
export const fails = (
  message: string,
  options: { readonly retryable?: boolean; readonly exitCode?: number; readonly after?: string } = {},
): MockAnswer => ({
  $fail: message,
  ...(options.retryable === undefined ? {} : { $retryable: options.retryable }),
  ...(options.exitCode === undefined ? {} : { $exitCode: options.exitCode }),
  ...(options.after === undefined ? {} : { $after: options.after }),
});
/** The task skips itself. */
export const skips = (): MockAnswer => ({ $skip: true });
/** Outputs after some virtual time: `after("2h", { rows: 3 })`. */
export const after = (duration: string, answer: MockAnswer = {}): MockAnswer => ({ ...answer, $after: duration });

/** The answer to one attempt. */
export async function answerOf(mock: Mock, call: MockCall): Promise<MockAnswer> {
  if (typeof mock === "function") return mock(call);
  if (!isList(mock)) return mock;
  return mock[Math.min(call.attempt, mock.length) - 1] ?? {};
}
const isList = (mock: Mock): mock is readonly MockAnswer[] => Array.isArray(mock);

const noBytes = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Outputs of an answer. A file may be given by its name alone: `{ "$file": "report.csv" }`. */
export const outputsOfAnswer = (answer: MockAnswer): JsonObject =>
  Object.fromEntries(
    Object.entries(answer).flatMap(([name, value]) =>
      name.startsWith("$") || value === undefined ? [] : [[name, whole(value)]],
    ),
  );

function whole(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const named = "$file" in value ? value["$file"] : undefined;
  return typeof named === "string"
    ? { $file: { name: named, size: 0, sha256: noBytes, mediaType: "application/octet-stream" } }
    : value;
}
