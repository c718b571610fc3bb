import { isIPv6 } from "node:net";
import { AppError } from "@capstan/proto";
import { peerAddress } from "../http/peer.ts";

const bucketsMax = 10_000;

export const SIGN_IN_BUDGET = Symbol("SignInBudget");

/** A token bucket for each address, or each account, for tries at signing in; of 0 a minute there is no limit. */
export class AttemptBudget {
  private readonly perMinute: number;
  private readonly nowMs: () => number;
  private readonly buckets = new Map<string, { left: number; atMs: number }>();

  constructor(options: { readonly perMinute: number; readonly nowMs?: () => number }) {
    this.perMinute = options.perMinute;
    this.nowMs = options.nowMs ?? Date.now;
  }

  /** @throws rate_limited */
  take(key: string): void {
    if (this.perMinute === 0) return;
    const now = this.nowMs();
    const bucket = this.buckets.get(key) ?? { left: this.perMinute, atMs: now };
    const left = Math.min(this.perMinute, bucket.left + ((now - bucket.atMs) * this.perMinute) / 60_000);
    if (left < 1) {
      throw new AppError("rate_limited", `More than ${this.perMinute} tries to sign in within a minute.`, {
        retryAfterMs: Math.ceil(((1 - left) * 60_000) / this.perMinute),
      });
    }
    // The one longest unused goes first: whoever tries many keys does not get those of others emptied.
    this.buckets.delete(key);
    const [oldest] = this.buckets.keys();
    if (oldest !== undefined && this.buckets.size >= bucketsMax) this.buckets.delete(oldest);
    this.buckets.set(key, { left: left - 1, atMs: now });
  }
}

/** Whom a budget is for: an address, of IPv6 its network of 64 bits, which is one customer's. */
export function addressOf(request: Parameters<typeof peerAddress>[0]): string {
  const address = peerAddress(request);
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("::");
  const first = head.split(":").filter((part) => part !== "");
  const last = (tail ?? "").split(":").filter((part) => part !== "");
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => "0");
  return `${[...first, ...zeros, ...last].slice(0, 4).join(":")}::/64`;
}
