// Which actions a state allows; where it does not, the reason is shown beside the button that is off.
import type { RunState } from "@capstan/proto";
import { runEnded, stateLooks } from "./states.ts";

export type Allowed = { readonly allowed: true } | { readonly allowed: false; readonly why: string };

/** A run that is paused can go on, one that is under way can be paused; of any other there is nothing to say. */
export function pauseActionOf(
  state: RunState,
  permissions: readonly string[] | undefined,
): "pause" | "resume" | undefined {
  if (permissions !== undefined && !permissions.includes("runs:pause")) return undefined;
  if (state === "paused") return "resume";
  return state === "running" || state === "queued" ? "pause" : undefined;
}

/** A run that did not succeed and has ended can be retried; one that succeeded has nothing to run anew. */
export const canRetryRun = (state: RunState, permissions: readonly string[] | undefined): boolean =>
  runEnded[state] && state !== "succeeded" && (permissions === undefined || permissions.includes("runs:retry"));

export function canCancelRun(state: RunState, permissions: readonly string[] | undefined, project: string): Allowed {
  if (runEnded[state])
    return {
      allowed: false,
      why: `The run has ended: it ${state === "timed_out" ? "timed out" : state === "cancelled" ? "was cancelled" : stateLooks[state].word}.`,
    };
  if (state === "cancelling") return { allowed: false, why: "It is being cancelled already." };
  if (permissions !== undefined && !permissions.includes("runs:cancel"))
    return { allowed: false, why: `You need runs:cancel in project ${project}.` };
  return { allowed: true };
}
