// Direct offers: when an agent of this replica may have the next attempt in the same commit (docs/decisions/0004-group-
// commit.md).
//  O1. Only where nobody else has a better right: no waiting work in that lane as far as this replica knows, and the
//      statement asserts it again (commit-batch B4). Never where a limit is involved: those are taken by a claim.
//  O2. A slot taken here is given back if the commit does not make the attempt.
import { orderOfRun } from "../engine/order.ts";
import type { Run, TaskRun } from "../engine/snapshot.ts";
import { dispatch } from "../engine/task-machine.ts";
import { indexContext } from "../engine/context.ts";
import { storesOf } from "../engine/kept-files.ts";
import type { Draft } from "../engine/draft.ts";
import { hookWaitMs } from "../engine/plan.ts";
import type { Sessions, Slot } from "../dispatch/sessions.ts";
import type { Backlog } from "../dispatch/backlog.ts";
import type { Placed } from "./batch.ts";
import { laneOf } from "./lane.ts";

export interface Placement {
  readonly placed: Placed[];
  readonly slots: Slot[];
}

/** A key that cannot be evaluated was refused when the run was asked for. */
function fairnessKeyOf(run: Run): string {
  const { document } = run.plan;
  const order = orderOfRun(document, run);
  return order.kind === "order" ? order.fairnessKey : document.name;
}

/** Places every ready task run of a draft: with an agent at once, or in its lane's queue. */
export function placeReady(
  draft: Draft,
  sessions: Sessions,
  backlog: Backlog,
  pools: ReadonlyMap<string, string>,
  mayOfferDirectly: boolean,
): Placement {
  const placed: Placed[] = [];
  const slots: Slot[] = [];
  for (const position of draft.ready) {
    const task = draft.task(position);
    if (task?.state !== "queued") continue;
    const planTask = draft.planTask(position);
    const taskOf = (at: number): TaskRun | undefined => draft.task(at);
    const [store] = planTask.mayReadKept ? storesOf(draft, position) : [];
    const lane = laneOf(draft.run, planTask, pools, indexContext(draft.run, position, taskOf), taskOf, store);
    const slot =
      mayOfferDirectly && lane.limits === undefined && !backlog.has(lane.laneId)
        ? sessions.take(lane, planTask.leaseMs, task.avoid)
        : undefined;
    if (slot === undefined) {
      draft.tell({ type: "task.queued", task: draft.nameOf(position), to: "queued" });
      if (planTask.hook !== undefined) draft.setTimer(position, "queue_timeout", draft.around.nowMs + hookWaitMs);
      placed.push({
        position,
        lane,
        direct: undefined,
        pass: backlog.turns.next(lane.laneId, fairnessKeyOf(draft.run)),
      });
      continue;
    }
    dispatch(draft, position, slot);
    slots.push(slot);
    placed.push({ position, lane, direct: { agentId: slot.agentId, session: slot.session }, pass: 0 });
  }
  return { placed, slots };
}
