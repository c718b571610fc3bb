import { retryOf, type CanonicalRetry, type Failure } from "@capstan/proto";
import { expect, test } from "vitest";
import { askRetry, backoffMs, seedOf, setupTriesMax } from "./retry.ts";
import { noTries } from "./snapshot.ts";

const policy = (retry: CanonicalRetry) => retryOf({ action: { run: { script: "x" } }, needs: [], retry });
const exit1: Failure = { class: "error", code: "exit", message: "exit code 1", exitCode: 1 };
const paid = (n: number) => ({ ...noTries, paid: n });

test("all tries count, the first too: attempts 3 gives two retries", () => {
  const three = policy({ attempts: 3, jitter: 0 });
  expect(askRetry(three, exit1, {}, paid(1), 0.5)).toEqual({ kind: "retry", delayMs: 10_000 });
  expect(askRetry(three, exit1, {}, paid(2), 0.5)).toEqual({ kind: "retry", delayMs: 20_000 });
  expect(askRetry(three, exit1, {}, paid(3), 0.5)).toEqual({ kind: "end", exhausted: true });
});

test("the task's own word wins over causes, and `retryable: false` over everything", () => {
  const onlyTimeouts = policy({ attempts: 2, causes: ["timeout"] });
  expect(askRetry(onlyTimeouts, exit1, {}, paid(1), 0.5).kind).toBe("end");
  expect(askRetry(onlyTimeouts, exit1, { retryable: true }, paid(1), 0.5).kind).toBe("retry");
  expect(askRetry(policy({ attempts: 9 }), exit1, { retryable: false }, paid(1), 0.5)).toEqual({
    kind: "end",
    exhausted: false,
  });
});

test("`except` is asked before `causes`, by exit code, exception type and HTTP status", () => {
  const except = policy({ attempts: 5, except: ["exit:2", "type:ValueError", "status:404"] });
  expect(askRetry(except, { ...exit1, exitCode: 2 }, {}, paid(1), 0.5).kind).toBe("end");
  expect(askRetry(except, { ...exit1, type: "ValueError" }, {}, paid(1), 0.5).kind).toBe("end");
  expect(
    askRetry(except, { class: "error", code: "http_status", message: "GET x answered 404" }, {}, paid(1), 0.5).kind,
  ).toBe("end");
  expect(askRetry(except, exit1, {}, paid(1), 0.5).kind).toBe("retry");
});

test("what nobody pays for is not tried again, an output only where the author named it", () => {
  const output: Failure = { class: "output", code: "output_missing", message: "rows is missing" };
  expect(askRetry(policy({ attempts: 5 }), output, {}, paid(1), 0.5).kind).toBe("end");
  expect(askRetry(policy({ attempts: 5, causes: ["output"] }), output, {}, paid(1), 0.5).kind).toBe("retry");
  const refused: Failure = { class: "policy", code: "secret_denied", message: "no" };
  expect(askRetry(policy({ attempts: 5, causes: ["policy"] }), refused, {}, paid(1), 0.5).kind).toBe("end");
});

test("a failed set-up is free, five times", () => {
  const setup: Failure = { class: "setup", code: "workspace", message: "no space" };
  for (let n = 1; n <= setupTriesMax; n++) {
    expect(askRetry(policy({}), setup, {}, { ...noTries, setup: n }, 0.5).kind).toBe("retry");
  }
  expect(askRetry(policy({}), setup, {}, { ...noTries, setup: setupTriesMax + 1 }, 0.5)).toEqual({
    kind: "end",
    exhausted: true,
  });
});

test("a wait grows by the factor up to maxDelay, and Retry-After is a minimum", () => {
  const p = policy({ attempts: 100, delayMs: 100, factor: 10, maxDelayMs: 5_000, jitter: 0 });
  expect([1, 2, 3, 4].map((n) => backoffMs(p, n, 0.5))).toEqual([100, 1000, 5000, 5000]);
  expect(askRetry(p, exit1, { retryAfterMs: 60_000 }, paid(1), 0.5)).toEqual({ kind: "retry", delayMs: 60_000 });
  expect(backoffMs(policy({ delayMs: 1000, jitter: 0.2 }), 1, 0)).toBe(800);
});

test("the jitter of an attempt is always the same", () => {
  expect(seedOf("att-1")).toBe(seedOf("att-1"));
  expect(seedOf("att-1")).not.toBe(seedOf("att-2"));
  expect(seedOf("att-1")).toBeGreaterThanOrEqual(0);
  expect(seedOf("att-1")).toBeLessThan(1);
});
