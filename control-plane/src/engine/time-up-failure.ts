// What a task run failed of when its time was up.
import { formatDuration, type Failure } from "@capstan/proto";
import { hookWaitMs, type PlanTask } from "./plan.ts";

/** Which time: of one attempt (`timeout`), of all of them (`total`), of the wait for an agent (`queue`), of a sensor (`poll`). */
export type TimeUp = "timeout" | "total" | "queue" | "poll";

export function timeUpFailure(planTask: PlanTask, which: TimeUp): Failure {
  switch (which) {
    case "timeout":
      return {
        class: "timeout",
        code: "timeout",
        message: "its timeout passed and its runner had not stopped it",
      };
    case "total":
      return {
        class: "timeout",
        code: "timeout",
        message: `it had not ended after ${formatDuration(planTask.timeoutTotalMs ?? 0)} (timeoutTotal), retries included`,
      };
    case "poll":
      return {
        class: "wait",
        code: "wait_timeout",
        message: `what it looks for was not there after ${formatDuration(planTask.poll?.timeoutMs ?? 0)} (poll.timeout)`,
      };
    case "queue": {
      const waitedMs = planTask.queueTimeoutMs ?? hookWaitMs;
      return {
        class: "queue_timeout",
        code: "queue_timeout",
        message: `no agent had started it after ${formatDuration(waitedMs)}${planTask.hook === undefined ? " (queueTimeout)" : ""}`,
      };
    }
  }
}
