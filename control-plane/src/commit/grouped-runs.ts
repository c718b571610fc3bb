// Starts and admissions of runs that have to wait for something, their concurrency group or the end of a pause: which group
// they belong to, what becomes of them there, and what a refusal is told.
import { admitNew, groupOf, heldGroup, mayGoOn, type RunGroup } from "../engine/concurrency.ts";
import type { Run } from "../engine/snapshot.ts";
import { orderValuesOf } from "../engine/vars.ts";
import type { CommitStore, HeldGroup } from "./commit.store.ts";
import type { GroupJoin } from "./batch.ts";
import type { PendingRun } from "./pending.ts";
import { answerUsedKeys } from "./used-keys.ts";

/** A pending run with the group under whose lock it has to be decided: a start or an admission; most are neither. */
export function groupedOf(
  pending: PendingRun,
  run: Run | undefined,
  isHeld: boolean,
): readonly { readonly pending: PendingRun; readonly group: RunGroup }[] {
  try {
    const group = groupOfPending(pending, run, isHeld);
    return group === undefined ? [] : [{ pending, group }];
  } catch {
    return []; // The key was evaluated when the run was asked for; whatever is wrong now, the decision says it.
  }
}

function groupOfPending(pending: PendingRun, run: Run | undefined, isHeld: boolean): RunGroup | undefined {
  if (pending.start !== undefined) {
    const { edition, claim } = pending.start.request;
    const group = groupOf(edition.document, edition.workflowId, orderValuesOf(pending.start.request));
    // What a backfill asks for stands in nobody's way: it waits outside of the group, as a row that is looked at again.
    if (group !== undefined && claim?.kind === "backfill_start") return { ...group, onLimit: "skip" };
    return group ?? (isHeld ? heldGroup(edition.workflowId) : undefined);
  }
  if (run === undefined || !pending.events.some(({ event }) => event.kind === "admit")) return undefined;
  return groupOf(run.plan.document, run.workflowId, orderValuesOf(run)) ?? heldGroup(run.workflowId);
}

export type GroupAnswer =
  | { readonly kind: "refused"; readonly code: "limit_reached" | "queue_full" }
  | { readonly kind: "nothing" }
  | { readonly kind: "decide"; readonly joins: GroupJoin & { readonly waits: boolean } };

/** What becomes of a start or an admission, by its group as it stands under its lock. */
export function askGroup(pending: PendingRun, group: RunGroup, state: HeldGroup, isHeld: boolean): GroupAnswer {
  if (pending.start === undefined) {
    const mayBegin = !isHeld && mayGoOn(group, state);
    if (!mayBegin && !refuseAdmission(pending, group.key)) return { kind: "nothing" };
    return { kind: "decide", joins: { group, supersede: "none", waits: false } };
  }
  const admission = admitNew(group, state, isHeld);
  if (admission.kind === "refused") return admission;
  const waits = admission.kind === "wait";
  return { kind: "decide", joins: { group, supersede: waits ? admission.supersede : "none", waits } };
}

/**
 * Answers a start that was refused. A key that was used before comes first: then the answer is that run. So does a run
 * that another replica has made of the same row: it may be the very one that takes the place.
 */
export async function refuseStart(
  store: CommitStore,
  pending: PendingRun,
  refusal: { readonly code: "limit_reached" | "queue_full"; readonly group: RunGroup; readonly state: HeldGroup },
): Promise<void> {
  await answerUsedKeys(store, [pending]);
  if (pending.refusals < 0) return;
  const { claim, runId } = pending.start?.request ?? {};
  if (claim !== undefined && runId !== undefined) {
    const [made] = await store.loadRuns([{ projectId: pending.projectId, runId }]);
    if (made !== undefined) return pending.start?.resolve({ kind: "unclaimed" });
  }
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
function refuseAdmission(pending: PendingRun, key: string): boolean {
  for (let at = pending.events.length - 1; at >= 0; at--) {
    if (pending.events[at]?.event.kind !== "admit") continue;
    const [admission] = pending.events.splice(at, 1);
    admission?.resolve({ kind: "no_room", key });
  }
  return pending.events.length > 0;
}
