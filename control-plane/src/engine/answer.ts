// A person's answer to a question that a task run waits with, whatever it is about.
import type { Draft } from "./draft.ts";
import type { RunEvent } from "./event.ts";

/** What the timer row of such a question is found by. */
export const awaitsApproval = "approval";

export type Answer = Extract<RunEvent, { kind: "decide" }>;

export function tellAnswer(draft: Draft, { position, decision, actor, comment }: Answer): void {
  draft.tell({ type: `task.${decision}`, task: draft.nameOf(position), actor, reason: comment });
}
