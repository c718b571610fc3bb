import { setTimeout as delay } from "node:timers/promises";

/**
 * Asks until the answer is not undefined, every 50 ms.
 * @param what names the condition in the error
 * @param timeoutMs at most; the last error of `ask`, if it threw, is the cause
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs / 1000} s`, { cause });
    await delay(50);
  }
}
