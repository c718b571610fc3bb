// Who pays for another try, and when it comes (docs/language.md, "Retries").
import { failureClasses, type Failure, type RetryPolicy } from "@capstan/proto";
import type { FinishResult } from "./event.ts";
import type { Tries } from "./snapshot.ts";

/** Free tries of what failed before user code ran. */
export const setupTriesMax = 5;
/** Free replacements of attempts that are known never to have started. */
export const unstartedTriesMax = 5;
/** Rejections that count before a task run is parked. */
export const rejectionsMax = 3;

export type RetryAnswer =
  | { readonly kind: "retry"; readonly delayMs: number }
  | { readonly kind: "end"; readonly exhausted: boolean };

/**
 * Asks for another try after a failure that `attempts` pays for, or `setup`.
 * Order: the task's own word, `except`, `causes`; then whether tries are left.
 * @param tries counts that already include the failed try
 * @param seed a number in [0, 1) that is always the same for the attempt, so that a decision can be replayed
 */
export function askRetry(
  policy: RetryPolicy,
  failure: Failure,
  result: Pick<FinishResult, "retryable" | "retryAfterMs">,
  tries: Tries,
  seed: number,
): RetryAnswer {
  if (failure.class === "setup") {
    if (tries.setup > setupTriesMax) return { kind: "end", exhausted: true };
    return { kind: "retry", delayMs: Math.min(5_000 * 2 ** (tries.setup - 1), 60_000) };
  }
  if (result.retryable === false) return { kind: "end", exhausted: false };
  if (result.retryable !== true && !isCause(policy, failure)) return { kind: "end", exhausted: false };
  if (tries.paid >= policy.attempts) return { kind: "end", exhausted: true };
  return { kind: "retry", delayMs: Math.max(backoffMs(policy, tries.paid, seed), result.retryAfterMs ?? 0) };
}

function isCause(policy: RetryPolicy, failure: Failure): boolean {
  const names = new Set<string>([failure.class]);
  if (failure.exitCode !== undefined) names.add(`exit:${failure.exitCode}`);
  if (failure.type !== undefined) names.add(`type:${failure.type}`);
  if (failure.code === "http_status") {
    const status = /\b([1-5][0-9][0-9])\b/.exec(failure.message)?.[1];
    if (status !== undefined) names.add(`status:${status}`);
  }
  if (policy.except.some((name) => names.has(name))) return false;
  if (policy.causes.some((name) => names.has(name))) {
    // What nobody pays for is tried again only where the author named it.
    return failureClasses[failure.class].payer !== "none" || failure.class === "output" || failure.class === "child";
  }
  return false;
}

/** Wait before try n + 1: min(maxDelay, delay·factorⁿ⁻¹)·(1 ± jitter). */
export function backoffMs(policy: RetryPolicy, n: number, seed: number): number {
  const grown = policy.backoff === "fixed" ? policy.delayMs : policy.delayMs * policy.factor ** (n - 1);
  return Math.round(Math.min(policy.maxDelayMs, grown) * (1 + policy.jitter * (2 * seed - 1)));
}

/** A number in [0, 1) from an id: FNV-1a over its characters. */
export function seedOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) {
    hash ^= id.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return (hash >>> 0) / 0x100000000;
}
