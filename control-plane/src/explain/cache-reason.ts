// Why a task run is queued that asks for its key of the cache, in words.
import type { Explanation } from "@capstan/proto";
import type { TaskRecord } from "../run/run.store.ts";

/** Undefined where it waits for something else. */
export function cacheReason(
  task: Pick<TaskRecord, "key" | "reason">,
): Pick<Explanation, "code" | "detail" | "do"> | undefined {
  const { limit, run, task: holder } = task.reason?.evidence ?? {};
  if (task.reason?.code !== "limit_reached" || limit !== "cache") return undefined;
  if (typeof run !== "string")
    return {
      code: "limit_reached",
      detail: `${task.key} is ready, and the cache is asked for an equal result.`,
      do: null,
    };
  return {
    code: "limit_reached",
    detail: `${task.key} waits for ${run}/${String(holder)}, which is at work on the same: its result will be taken.`,
    do: `see what that one does: capstan explain ${run}/${String(holder)}`,
  };
}
