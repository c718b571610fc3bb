import { AppError } from "@capstan/proto";

const addressesMax = 10_000;

/** A token bucket per address for tries at signing in. */
export class AttemptBudget {
  private readonly perMinute: number;
  private readonly nowMs: () => number;
  private readonly buckets = new Map<string, { left: number; atMs: number }>();

  constructor(options: { readonly perMinute: number; readonly nowMs?: () => number }) {
    this.perMinute = options.perMinute;
    this.nowMs = options.nowMs ?? Date.now;
  }

  /** @throws rate_limited */
  take(address: string): void {
    const now = this.nowMs();
    if (this.buckets.size >= addressesMax) this.buckets.clear();
    const bucket = this.buckets.get(address) ?? { left: this.perMinute, atMs: now };
    const left = Math.min(this.perMinute, bucket.left + ((now - bucket.atMs) * this.perMinute) / 60_000);
    if (left < 1) {
      throw new AppError("rate_limited", `More than ${this.perMinute} tries to sign in within a minute.`, {
        retryAfterMs: Math.ceil(((1 - left) * 60_000) / this.perMinute),
      });
    }
    this.buckets.set(address, { left: left - 1, atMs: now });
  }
}
