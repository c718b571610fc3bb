// What is told of the end of an attempt. The first stop decides the outcome, and the end of the lease overrides all.
import type { FinishItem, OfferedAttempt, StopReason } from "@capstan/proto";
import type { ProcessExit } from "../execute/executor.ts";

export interface Stop {
  readonly reason: StopReason;
  readonly graceMs: number;
}

export interface Ending {
  readonly offer: OfferedAttempt;
  readonly startedMs: number | undefined;
  readonly stop: Stop | undefined;
  readonly outcome: "succeeded" | "failed";
  /** What the executor said, masked. */
  readonly word: Partial<FinishItem>;
  readonly log: FinishItem["log"];
}

export function finishOf({ offer, startedMs, stop, outcome, word, log }: Ending): FinishItem {
  const base = {
    kind: "finish" as const,
    attempt: offer.attempt,
    epoch: offer.epoch,
    ...(startedMs === undefined ? {} : { startedMs }),
    endedMs: Date.now(),
  };
  const logged = log === undefined ? {} : { log };
  if (stop === undefined) {
    return { ...base, ...word, outcome: word.failure === undefined ? outcome : "failed", ...logged };
  }
  switch (stop.reason) {
    case "lease_over":
      return { ...base, outcome: "lost", cause: "lease_over", mayHaveStarted: startedMs !== undefined, ...logged };
    case "drain":
      return { ...base, outcome: "lost", cause: "given_back", mayHaveStarted: startedMs !== undefined, ...logged };
    case "timeout": {
      const message = `the task ran longer than its timeout of ${offer.timeoutMs ?? 0} ms`;
      const failure = { class: "timeout", code: "timeout", message } as const;
      return { ...base, ...word, outcome: "timed_out", failure, ...logged };
    }
    case "cancelled":
    case "abandoned": {
      const { failure: _, ...rest } = word;
      return { ...base, ...rest, outcome: "cancelled", ...logged };
    }
  }
}

/** The same for whoever collects what a program has left. */
export function stoppedOf(stop: Stop | undefined): ProcessExit["stopped"] {
  if (stop === undefined) return undefined;
  return stop.reason === "timeout" || stop.reason === "lease_over" ? stop.reason : "cancelled";
}
