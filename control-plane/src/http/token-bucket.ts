// Token buckets, per replica: they stop loops and protect neighbours, so they lie well above ordinary use.
import { AppError } from "@capstan/proto";

export interface BucketRule {
  /** Name in the headers: `api`. */
  readonly name: string;
  /** Tokens that come back each second; 0: no limit. */
  readonly perSecond: number;
  /** Tokens of a full bucket. */
  readonly burst: number;
  /** Of what more than that is too much: `requests with one credential`. */
  readonly what: string;
}

/** What an answer says of the bucket, in the form of the IETF draft `RateLimit header fields for HTTP`. */
export type RateHeaders = Readonly<Record<"ratelimit-policy" | "ratelimit", string>>;

const bucketsMax = 10_000;
/** Tenths of tokens do not add up to one exactly. */
const rounding = 1e-6;

export class TokenBuckets {
  private readonly rule: BucketRule;
  private readonly nowMs: () => number;
  private readonly buckets = new Map<string, { left: number; atMs: number }>();

  constructor(rule: BucketRule, nowMs: () => number = () => performance.now()) {
    this.rule = rule;
    this.nowMs = nowMs;
  }

  /**
   * Takes tokens; `tell` gets the headers in either case. A request for more than a full bucket holds takes a full one,
   * so that it is late and not impossible.
   * @throws rate_limited with the time after which there is enough
   */
  take(key: string, tokens: number, tell: (headers: RateHeaders) => void): void {
    const { perSecond, burst, name, what } = this.rule;
    if (perSecond === 0) return;
    const now = this.nowMs();
    const bucket = this.buckets.get(key);
    const left = bucket === undefined ? burst : Math.min(burst, bucket.left + ((now - bucket.atMs) * perSecond) / 1000);
    const wanted = Math.min(tokens, burst);
    const enough = left + rounding >= wanted;
    const after = enough ? Math.max(0, left - wanted) : left;
    // The one longest unused goes first: it is most likely full again, which is the same as not being kept.
    this.buckets.delete(key);
    const [oldest] = this.buckets.keys();
    if (oldest !== undefined && this.buckets.size >= bucketsMax) this.buckets.delete(oldest);
    this.buckets.set(key, { left: after, atMs: now });
    tell({
      "ratelimit-policy": `"${name}";q=${burst};w=${Math.ceil(burst / perSecond)}`,
      ratelimit: `"${name}";r=${Math.floor(after)};t=${Math.ceil((burst - after) / perSecond)}`,
    });
    if (enough) return;
    throw new AppError("rate_limited", `More than ${perSecond} ${what} a second, and a burst of ${burst} used up.`, {
      retryAfterMs: Math.ceil(((wanted - left) * 1000) / perSecond),
      evidence: { limit: name, perSecond, burst },
    });
  }
}
