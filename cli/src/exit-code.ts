// Exit codes: what a script learns from a command without reading a word.
import type { RunState } from "@capstan/proto";

export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notValid: 3,
  notAllowed: 4,
  notFound: 5,
  conflict: 6,
  unreachable: 7,
  cancelled: 8,
  waitsForPerson: 9,
  timedOutHere: 124,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const byCode: Readonly<Record<string, ExitCode>> = {
  usage: exitCodes.usage,
  mock_missing: exitCodes.usage,
  reference_unclear: exitCodes.usage,
  spec_invalid: exitCodes.notValid,
  inputs_invalid: exitCodes.notValid,
  not_signed_in: exitCodes.notAllowed,
  file_unreadable: exitCodes.usage,
  not_found: exitCodes.notFound,
  unreachable: exitCodes.unreachable,
  unavailable: exitCodes.unreachable,
};

/** The exit code of a problem: by its code where that says more, else by its HTTP status. */
export function exitCodeOf(code: string, status?: number): ExitCode {
  const known = Object.hasOwn(byCode, code) ? byCode[code] : undefined;
  if (known !== undefined) return known;
  if (code === "idempotency_key_reused" || status === 409 || status === 412 || status === 428)
    return exitCodes.conflict;
  if (status === 400 || status === 405 || status === 415 || status === 421) return exitCodes.usage;
  if (status === 401 || status === 403) return exitCodes.notAllowed;
  if (status === 404 || status === 410) return exitCodes.notFound;
  if (status === 413 || status === 422) return exitCodes.notValid;
  if (status === 502 || status === 503 || status === 504) return exitCodes.unreachable;
  return exitCodes.failed;
}

/** The exit code of a run that was waited for. */
export function exitCodeOfRun(state: RunState): ExitCode {
  if (state === "succeeded") return exitCodes.done;
  return state === "cancelled" ? exitCodes.cancelled : exitCodes.failed;
}
