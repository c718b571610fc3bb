// Failed proofs by address: above the budget the answer is 429 until the window is over.
import { AppError } from "@capstan/proto";

const addressesMax = 10_000;

export class AuthBudget {
  private readonly counts = new Map<string, { count: number; sinceMs: number }>();
  private readonly max: number;
  private readonly windowMs: number;
  private readonly nowMs: () => number;

  constructor(max: number, windowMs: number, nowMs: () => number = () => performance.now()) {
    this.max = max;
    this.windowMs = windowMs;
    this.nowMs = nowMs;
  }

  /** @throws rate_limited */
  check(address: string): void {
    const entry = this.counts.get(address);
    if (entry === undefined) return;
    const leftMs = this.windowMs - (this.nowMs() - entry.sinceMs);
    if (leftMs <= 0) this.counts.delete(address);
    else if (entry.count >= this.max) {
      throw new AppError("rate_limited", "Too many attempts failed from this address.", {
        retryAfterMs: Math.ceil(leftMs),
      });
    }
  }

  failed(address: string): void {
    const entry = this.counts.get(address);
    if (entry !== undefined) {
      entry.count++;
      return;
    }
    if (this.counts.size >= addressesMax) this.counts.clear();
    this.counts.set(address, { count: 1, sinceMs: this.nowMs() });
  }
}
