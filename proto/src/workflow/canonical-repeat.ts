// The canonical form of what says how often a task is carried: again after a failure, every now and then, or not at all.
import type { DynamicText, Expr } from "./canonical.ts";

export interface CanonicalRetry {
  /** All tries, the first too. */
  readonly attempts?: number;
  readonly delayMs?: number;
  readonly factor?: number;
  readonly maxDelayMs?: number;
  readonly jitter?: number;
  readonly backoff?: "exponential" | "fixed";
  /** Failure classes, `exit:75`, `type:ValueError`, `status:503`. */
  readonly causes?: readonly string[];
  readonly except?: readonly string[];
  readonly lost?: number;
  readonly onExhausted?: "fail" | "pause";
}

/** Makes a task a sensor: a short attempt every now and then until what it looks at is there. */
export interface CanonicalPoll {
  readonly everyMs?: number;
  readonly backoff?: number;
  readonly maxEveryMs?: number;
  /** Sees `result`, `cursor` and `poll` beside the rest. */
  readonly until?: Expr;
  readonly maxErrors?: number;
  readonly timeoutMs?: number;
}

/** An equal task run that succeeded before is taken instead of an attempt. */
export interface CanonicalCache {
  readonly key?: DynamicText;
  readonly ttlMs?: number;
  readonly scope?: "workflow" | "project";
}
