import type { Failure, RetryPolicy } from "@capstan/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { askRetry, backoffMs, seedOf, setupTriesMax } from "./retry.ts";

const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  attempts: fc.integer({ min: 1, max: 6 }),
  delayMs: fc.nat(60_000),
  factor: fc.double({ min: 1, max: 4, noNaN: true }),
  maxDelayMs: fc.nat(600_000),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  backoff: fc.constantFrom("exponential", "fixed"),
  causes: fc.subarray(["error", "timeout", "exit:75", "type:ValueError"]),
  except: fc.subarray(["exit:2", "type:TypeError"]),
  lost: fc.nat(3),
  onExhausted: fc.constantFrom("fail", "pause"),
});
const failures: fc.Arbitrary<Failure> = fc.oneof(
  fc.record({
    class: fc.constantFrom("error", "timeout", "setup"),
    code: fc.constant("exit"),
    message: fc.constant("it failed"),
    exitCode: fc.constantFrom(1, 2, 75),
  }),
  fc.record({
    class: fc.constant("error" as const),
    code: fc.constant("exception"),
    message: fc.constant("it failed"),
    type: fc.constantFrom("ValueError", "TypeError"),
  }),
);
const ends = fc.array(
  fc.record({
    failure: failures,
    retryable: fc.option(fc.boolean(), { nil: undefined }),
    retryAfterMs: fc.option(fc.nat(100_000), { nil: undefined }),
    seed: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  }),
  { maxLength: 20 },
);

type Word = Parameters<typeof askRetry>[2];
/** A word that the task did not say is not there. */
const present = (word: { retryable: boolean | undefined; retryAfterMs: number | undefined }): Word => ({
  ...(word.retryable === undefined ? {} : { retryable: word.retryable }),
  ...(word.retryAfterMs === undefined ? {} : { retryAfterMs: word.retryAfterMs }),
});

test("whatever fails, there are no more tries than the policy pays for, and what it leaves out is not tried again", () => {
  fc.assert(
    fc.property(policies, ends, (policy, happened) => {
      const wrong: string[] = [];
      const holds = (what: string, is: boolean): void => void (is || wrong.push(what));
      let tries = { paid: 0, lost: 0, setup: 0, rejected: 0, unstarted: 0 };
      for (const { failure, retryable, retryAfterMs, seed } of happened) {
        const isSetup = failure.class === "setup";
        tries = { ...tries, ...(isSetup ? { setup: tries.setup + 1 } : { paid: tries.paid + 1 }) };
        const answer = askRetry(policy, failure, present({ retryable, retryAfterMs }), tries, seed);
        if (answer.kind === "end") {
          const isOver = isSetup ? tries.setup > setupTriesMax : tries.paid >= policy.attempts;
          holds("it ends for want of tries only where none are left", !answer.exhausted || isOver);
          break;
        }
        holds("set-up is tried so often at most", tries.setup <= setupTriesMax);
        if (isSetup) continue;
        const names = [`exit:${failure.exitCode}`, `type:${failure.type}`];
        holds("a try is left to pay with", tries.paid < policy.attempts);
        holds("the task's own no is obeyed", retryable !== false);
        holds("what is left out is not tried", retryable === true || !policy.except.some((one) => names.includes(one)));
        holds("Retry-After is a minimum", answer.delayMs >= (retryAfterMs ?? 0));
      }
      expect(wrong).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

test("a wait is within its jitter of what the policy says, never above its bound, and without jitter it never shrinks", () => {
  fc.assert(
    fc.property(policies, fc.integer({ min: 1, max: 12 }), fc.string(), (policy, n, id) => {
      const seed = seedOf(id);
      expect(seed).toBeGreaterThanOrEqual(0);
      expect(seed).toBeLessThan(1);
      const plain = { ...policy, jitter: 0 };
      const wanted = backoffMs(plain, n, seed);
      const waited = backoffMs(policy, n, seed);
      expect(Math.abs(waited - wanted)).toBeLessThanOrEqual(wanted * policy.jitter + 1);
      expect(wanted).toBeLessThanOrEqual(policy.maxDelayMs);
      expect(backoffMs(plain, n + 1, seed)).toBeGreaterThanOrEqual(wanted);
      const fixed = backoffMs({ ...plain, backoff: "fixed" }, n, seed);
      expect(fixed).toBe(Math.min(policy.delayMs, policy.maxDelayMs));
    }),
    { numRuns: 2000 },
  );
});
