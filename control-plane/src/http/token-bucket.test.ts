import { expect, test } from "vitest";
import { AppError } from "@capstan/proto";
import { TokenBuckets, type RateHeaders } from "./token-bucket.ts";

function place(perSecond = 10, burst = 50) {
  let nowMs = 0;
  let headers: RateHeaders | undefined;
  const buckets = new TokenBuckets({ name: "api", perSecond, burst, what: "requests" }, () => nowMs);
  return {
    take: (key = "a", tokens = 1): AppError | undefined => {
      try {
        buckets.take(key, tokens, (told) => (headers = told));
        return undefined;
      } catch (error) {
        if (error instanceof AppError) return error;
        throw error;
      }
    },
    pass: (ms: number): void => void (nowMs += ms),
    headers: () => headers,
  };
}

test("a burst passes, the next is refused with the time to wait, and after that time one passes", () => {
  const { take, pass, headers } = place();
  for (let i = 0; i < 50; i++) expect(take()).toBeUndefined();
  expect(headers()).toEqual({ "ratelimit-policy": '"api";q=50;w=5', ratelimit: '"api";r=0;t=5' });
  const refused = take();
  expect(refused).toMatchObject({ code: "rate_limited", status: 429, retryAfterMs: 100 });
  pass(99);
  expect(take()).toBeDefined();
  pass(1);
  expect(take()).toBeUndefined();
  expect(take()).toBeDefined();
});

test("what one caller uses up is not taken from another", () => {
  const { take } = place(1, 1);
  expect(take("a")).toBeUndefined();
  expect(take("a")).toBeDefined();
  expect(take("b")).toBeUndefined();
});

test("a refused request takes nothing, so a caller that hammers is served at the rate", () => {
  const { take, pass } = place(10, 1);
  let served = 0;
  for (let ms = 0; ms < 10_000; ms += 10) {
    if (take() === undefined) served++;
    pass(10);
  }
  expect(served).toBe(100);
});

test("more than a full bucket at once is late, not impossible", () => {
  const { take, pass } = place(10, 50);
  expect(take("a", 100)).toBeUndefined();
  expect(take("a", 100)).toMatchObject({ retryAfterMs: 5000 });
  pass(5000);
  expect(take("a", 100)).toBeUndefined();
});

test("0 is no limit, and says nothing", () => {
  const { take, headers } = place(0, 0);
  for (let i = 0; i < 1000; i++) expect(take()).toBeUndefined();
  expect(headers()).toBeUndefined();
});

test("however many callers come, no more than ten thousand buckets are kept, and the one longest unused goes first", () => {
  const { take } = place(1, 1);
  expect(take("first")).toBeUndefined();
  for (let i = 0; i < 9_999; i++) take(`other-${i}`);
  expect(take("first")).toBeDefined();
  expect(take("other-0")).toBeDefined();
  take("one more");
  expect(take("other-0")).toBeDefined();
  expect(take("other-1")).toBeUndefined();
});
