// Lanes: what a task run asks of an agent, as one row per distinct selector. The id follows from the content, so a
// replica needs no look-up and two replicas cannot disagree.
import { createHash } from "node:crypto";
import { evaluateText, labelsWantedBy, scopeFor, type DynamicText, type ExpressionContext } from "@capstan/proto";
import type { Lane } from "../dispatch/sessions.ts";
import type { PlanTask } from "../engine/plan.ts";
import type { Run } from "../engine/snapshot.ts";
import type { LimitDemand } from "../engine/limit.ts";
import { demandsOf } from "../engine/limit-demand.ts";

export const defaultPool = "default";

/** A pool that does not exist: no agent is in it, so the work waits and `explain` says why. */
const nobody = "00000000-0000-0000-0000-000000000000";

const literal = new WeakMap<PlanTask, Map<string, Lane>>();

/** The lane of a task run. Labels may be expressions over the run's inputs; literal ones are looked up once per plan. */
export function laneOf(
  run: Run,
  planTask: PlanTask,
  pools: ReadonlyMap<string, string>,
  index: Pick<ExpressionContext, "item" | "index"> = {},
): Lane {
  const known = literal.get(planTask)?.get(run.projectId);
  if (known !== undefined) return known;
  const { labels, isLiteral } = labelsOf(run, planTask, index);
  const pool = planTask.task.runsOn?.pool ?? defaultPool;
  const poolId = pools.get(pool) ?? nobody;
  const limits = demandsOf(run, planTask, index);
  const laneId = laneIdOf(run.projectId, poolId, planTask, labels, limits);
  const lane: Lane = {
    projectId: run.projectId,
    laneId,
    poolId,
    executor: planTask.executor,
    labels,
    slots: planTask.slots,
    ...(limits.length === 0 ? {} : { limits }),
  };
  if (isLiteral && planTask.task.concurrency === undefined && poolId !== nobody) {
    const byProject = literal.get(planTask) ?? new Map<string, Lane>();
    byProject.set(run.projectId, lane);
    literal.set(planTask, byProject);
  }
  return lane;
}

/** The part of a lane that is hashed and stored. */
export const selectorOf = (lane: Lane): Pick<Lane, "executor" | "labels" | "slots" | "limits"> => ({
  executor: lane.executor,
  labels: lane.labels,
  slots: lane.slots,
  ...(lane.limits === undefined ? {} : { limits: lane.limits }),
});

export const selectorHash = (lane: Lane): string =>
  createHash("sha256")
    .update(JSON.stringify(selectorOf(lane)))
    .digest("hex");

function labelsOf(
  run: Run,
  planTask: PlanTask,
  { item, index }: Pick<ExpressionContext, "item" | "index">,
): { labels: Record<string, readonly string[]>; isLiteral: boolean } {
  const written = labelsWantedBy(planTask.task);
  const labels: Record<string, readonly string[]> = {};
  let isLiteral = true;
  for (const name of Object.keys(written).sort()) {
    const value = written[name];
    const all: readonly unknown[] = Array.isArray(value) ? value : [value];
    labels[name] = all.map((one) => {
      if (typeof one === "string") return one;
      isLiteral = false;
      // What is neither a string nor a list holds expressions, by the type of the canonical form.
      return String(
        evaluateText(
          one as DynamicText,
          { inputs: run.inputs, vars: {}, ...(index === undefined ? {} : { item, index }) },
          { scope: scopeFor(run.plan.document, planTask.key, "runsOn") },
        ),
      );
    });
  }
  return { labels, isLiteral };
}

function laneIdOf(
  projectId: string,
  poolId: string,
  planTask: PlanTask,
  labels: Readonly<Record<string, readonly string[]>>,
  limits: readonly LimitDemand[],
): string {
  // Work that waits for a limit stands in a lane of its own, so that it keeps nobody back who does not need the limit.
  const asked = [
    projectId,
    poolId,
    planTask.executor,
    labels,
    planTask.slots,
    ...(limits.length === 0 ? [] : [limits]),
  ];
  const hash = createHash("sha256").update(JSON.stringify(asked)).digest("hex");
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
