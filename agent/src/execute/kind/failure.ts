// Failures as executors build them. A message is cut to what a report may carry, on a character's edge.
import { AppError, errorEntry, messageBytesMax, type Failure, type FailureClass } from "@capstan/proto";
import type { Finished, Prepared } from "../executor.ts";

/** Text of at most `bytesMax` bytes of UTF-8, with `…` where it was cut. */
export function cutText(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax) return text;
  let cut = Buffer.from(text)
    .subarray(0, bytesMax - 3)
    .toString("utf8");
  if (cut.endsWith("\ufffd")) cut = cut.slice(0, -1);
  return `${cut}…`;
}

export const failure = (
  kind: FailureClass,
  code: string,
  message: string,
  more: Omit<Partial<Failure>, "class" | "code" | "message"> = {},
): Failure => ({ class: kind, code, message: cutText(message, messageBytesMax), ...more });

export const failed = (
  given: Failure,
  more: Pick<Finished, "retryable" | "retryAfterMs" | "exitCode" | "signal"> = {},
): Finished => ({ outcome: "failed", failure: given, ...more });

/** The class that a catalogued error has before user code runs. */
const classOf = (code: string): FailureClass => {
  if (code === "expression_failed" || code === "expression_timeout") return "expression";
  if (code === "secret_denied" || code === "policy_denied" || code === "secret_reference_invalid") return "policy";
  return "setup";
};

/** What made `prepare` fail. An error that is not catalogued is described by its system code alone where it has one. */
export function failedSetup(error: unknown): Extract<Prepared, { kind: "failed" }> {
  if (error instanceof AppError) {
    const retryable = errorEntry(error.code)?.retryable ?? false;
    return { kind: "failed", failure: failure(classOf(error.code), error.code, error.message), retryable };
  }
  const text = error instanceof Error ? error.message : String(error);
  return {
    kind: "failed",
    failure: failure("setup", "setup_failed", `the attempt could not be made ready: ${text}`),
    retryable: true,
  };
}
