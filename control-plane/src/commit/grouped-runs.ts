// Starts and admissions of runs with `concurrency`: which group they belong to, and what a refusal is told.
import { groupOf, type RunGroup } from "../engine/concurrency.ts";
import type { Run } from "../engine/snapshot.ts";
import type { CommitStore, HeldGroup } from "./commit.store.ts";
import type { PendingRun } from "./pending.ts";
import { answerUsedKeys } from "./used-keys.ts";

/** A pending run with the group under whose lock it has to be decided: a start or an admission; most are neither. */
export function groupedOf(
  pending: PendingRun,
  run: Run | undefined,
): readonly { readonly pending: PendingRun; readonly group: RunGroup }[] {
  try {
    const group = groupOfPending(pending, run);
    return group === undefined ? [] : [{ pending, group }];
  } catch {
    return []; // The key was evaluated when the run was asked for; whatever is wrong now, the decision says it.
  }
}

function groupOfPending(pending: PendingRun, run: Run | undefined): RunGroup | undefined {
  if (pending.start !== undefined) {
    const { edition, inputs } = pending.start.request;
    return groupOf(edition.document, edition.workflowId, inputs);
  }
  if (run === undefined || !pending.events.some(({ event }) => event.kind === "admit")) return undefined;
  return groupOf(run.plan.document, run.workflowId, run.inputs);
}

/** Answers a start that was refused. A key that was used before comes first: then the answer is that run. */
export async function refuseStart(
  store: CommitStore,
  pending: PendingRun,
  refusal: { readonly code: "limit_reached" | "queue_full"; readonly group: RunGroup; readonly state: HeldGroup },
): Promise<void> {
  await answerUsedKeys(store, [pending]);
  if (pending.refusals < 0) return;
  const { group, state } = refusal;
  const { active, waiting, holders } = state;
  pending.start?.resolve({
    kind: refusal.code,
    limit: group.limit,
    queuedMax: group.queuedMax,
    active,
    waiting,
    holders,
  });
}

/** Takes the admission out of a pending run whose group has no room after all. True: other events are left. */
export function refuseAdmission(pending: PendingRun, key: string): boolean {
  for (let at = pending.events.length - 1; at >= 0; at--) {
    if (pending.events[at]?.event.kind !== "admit") continue;
    const [admission] = pending.events.splice(at, 1);
    admission?.resolve({ kind: "no_room", key });
  }
  return pending.events.length > 0;
}
