// Joins: may a waiting task run start, must it be skipped, or does it wait? (docs/language.md, "Joins")
import type { JoinKind } from "@capstan/proto";
import type { Effect, NeedCounts } from "./snapshot.ts";

export type JoinAnswer = "ready" | "skip" | "wait";

/** Answers from counts alone, so that a join over 10,000 needs costs the same as one over two. */
export function askJoin(join: JoinKind, needs: NeedCounts): JoinAnswer {
  const { open, ok, tolerated, fail, cancel, skip } = needs;
  const total = open + ok + tolerated + fail + cancel + skip;
  switch (join) {
    case "all_success":
      if (fail + cancel + skip > 0) return "skip";
      return open > 0 ? "wait" : "ready";
    case "none_failed":
      if (fail + cancel > 0) return "skip";
      if (open > 0) return "wait";
      return ok > 0 || skip === 0 ? "ready" : "skip";
    case "all_done":
      return open > 0 ? "wait" : "ready";
    case "one_success":
      if (ok > 0 || total === 0) return "ready";
      return open > 0 ? "wait" : "skip";
  }
}

/** The effect of a skipped task run: a skip remembers a failure or a cancel behind it. */
export function effectOfSkip(needs: NeedCounts): Effect {
  if (needs.fail > 0) return "fail";
  return needs.cancel > 0 ? "cancel" : "skip";
}

/** Counts after one more need has ended with `effect`. */
export const withNeedEnded = (needs: NeedCounts, effect: Effect): NeedCounts => ({
  ...needs,
  open: needs.open - 1,
  [effect]: needs[effect] + 1,
});
