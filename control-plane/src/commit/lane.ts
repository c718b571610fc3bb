// Lanes: what a task run asks of an agent, as one row per distinct selector. The id follows from the content, so a
// replica needs no look-up and two replicas cannot disagree.
import { createHash } from "node:crypto";
import {
  evaluateText,
  labelsWantedBy,
  scopeFor,
  storeLabel,
  type CanonicalRunsOn,
  type DynamicText,
  type ExpressionContext,
} from "@capstan/proto";
import type { Lane } from "../dispatch/sessions.ts";
import type { PlanTask } from "../engine/plan.ts";
import type { Preference } from "../engine/placement.ts";
import { taskAt, type Run, type TaskRun } from "../engine/snapshot.ts";
import { valuesOf } from "../engine/vars.ts";
import type { LimitDemand } from "../engine/limit.ts";
import { demandsOf } from "../engine/limit-demand.ts";

export const defaultPool = "default";

/** A pool that does not exist: no agent is in it, so the work waits and `explain` says why. */
const nobody = "00000000-0000-0000-0000-000000000000";

const literal = new WeakMap<PlanTask, Map<string, Lane>>();

/**
 * The lane of a task run. Labels may be expressions over the run's inputs; literal ones are looked up once per plan.
 * @param store the one place that has files which it is given
 */
export function laneOf(
  run: Run,
  planTask: PlanTask,
  pools: ReadonlyMap<string, string>,
  index: IndexContext = {},
  task: (position: number) => TaskRun | undefined = (position) => taskAt(run, position),
  store?: string,
): Lane {
  const known = store === undefined ? literal.get(planTask)?.get(run.projectId) : undefined;
  if (known !== undefined) return known;
  const { labels, isLiteral } = labelsOf(run, planTask, index);
  // What an author says of the label beside that stays a demand of its own.
  if (store !== undefined) labels[storeLabel] = (labels[storeLabel] ?? [store]).filter((one) => one === store);
  const pool = planTask.task.runsOn?.pool ?? defaultPool;
  const poolId = pools.get(pool) ?? nobody;
  const limits = demandsOf(run, planTask, index);
  const expr = planTask.task.runsOn?.expr?.$expr;
  const prefer = preferencesOf(run, planTask, index, task);
  const { takes, dataRules, data } = planTask;
  const laneId = laneIdOf(run.projectId, poolId, planTask, { labels, limits, expr, prefer });
  const lane: Lane = {
    projectId: run.projectId,
    laneId,
    poolId,
    executor: planTask.executor,
    labels,
    slots: planTask.slots,
    ...(takes === undefined ? {} : { takes }),
    ...(dataRules === undefined ? {} : { dataRules }),
    ...(data === undefined ? {} : { data }),
    ...(expr === undefined ? {} : { expr }),
    ...(prefer === undefined ? {} : { prefer }),
    ...(limits.length === 0 ? {} : { limits }),
  };
  if (
    isLiteral &&
    store === undefined &&
    prefer === undefined &&
    planTask.task.concurrency === undefined &&
    poolId !== nobody
  ) {
    const byProject = literal.get(planTask) ?? new Map<string, Lane>();
    byProject.set(run.projectId, lane);
    literal.set(planTask, byProject);
  }
  return lane;
}

/** The part of a lane that is hashed and stored. */
export const selectorOf = (lane: Lane): Omit<Lane, "projectId" | "laneId" | "poolId"> => ({
  executor: lane.executor,
  labels: lane.labels,
  slots: lane.slots,
  ...(lane.takes === undefined ? {} : { takes: lane.takes }),
  ...(lane.dataRules === undefined ? {} : { dataRules: lane.dataRules }),
  ...(lane.data === undefined ? {} : { data: lane.data }),
  ...(lane.expr === undefined ? {} : { expr: lane.expr }),
  ...(lane.prefer === undefined ? {} : { prefer: lane.prefer }),
  ...(lane.limits === undefined ? {} : { limits: lane.limits }),
});

export const selectorHash = (lane: Lane): string =>
  createHash("sha256")
    .update(JSON.stringify(selectorOf(lane)))
    .digest("hex");

/** `item` and `index` of an index of a mapped task. */
type IndexContext = Pick<ExpressionContext, "item" | "index">;
type Labels = Record<string, readonly string[]>;

function labelsOf(
  run: Run,
  planTask: PlanTask,
  { item, index }: IndexContext,
  written: CanonicalRunsOn["labels"] = labelsWantedBy(planTask.task),
): { labels: Labels; isLiteral: boolean } {
  const labels: Labels = {};
  let isLiteral = true;
  for (const [name, value] of Object.entries(written ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const all: readonly unknown[] = Array.isArray(value) ? value : [value];
    labels[name] = all.map((one) => {
      if (typeof one === "string") return one;
      isLiteral = false;
      // What is neither a string nor a list holds expressions, by the type of the canonical form.
      return String(
        evaluateText(
          one as DynamicText,
          { ...valuesOf(run), ...(index === undefined ? {} : { item, index }) },
          { scope: scopeFor(run.plan.document, planTask.key, "runsOn") },
        ),
      );
    });
  }
  return { labels, isLiteral };
}

/** What makes an agent better; a `sameAs` whose task has had no agent says nothing. */
function preferencesOf(
  run: Run,
  planTask: PlanTask,
  index: IndexContext,
  task: (position: number) => TaskRun | undefined,
): readonly Preference[] | undefined {
  const written = planTask.task.runsOn?.prefer;
  if (written === undefined) return undefined;
  return written.flatMap(({ labels, sameAs, weight }): Preference[] => {
    const agentId = sameAs === undefined ? undefined : agentOf(run, sameAs, index, task);
    if (sameAs !== undefined && agentId === undefined) return [];
    return [
      {
        ...(labels === undefined ? {} : { labels: labelsOf(run, planTask, index, labels).labels }),
        ...(agentId === undefined ? {} : { agentId }),
        weight,
      },
    ];
  });
}

/** The agent of a task's last attempt; of a mapped one, that of the same index. */
function agentOf(
  run: Run,
  key: string,
  { index }: IndexContext,
  task: (position: number) => TaskRun | undefined,
): string | undefined {
  const position = run.plan.positionOf.get(key);
  const other = position === undefined ? undefined : task(position);
  if (other?.map === undefined || index === undefined) return other?.agentId;
  return index < other.map.items.length ? task(other.map.base + index)?.agentId : undefined;
}

function laneIdOf(
  projectId: string,
  poolId: string,
  planTask: PlanTask,
  asks: {
    readonly labels: Labels;
    readonly limits: readonly LimitDemand[];
    readonly expr: string | undefined;
    readonly prefer: readonly Preference[] | undefined;
  },
): string {
  const { labels, limits, expr, prefer } = asks;
  // Work that waits for a limit stands in a lane of its own, so that it keeps nobody back who does not need the limit.
  const more = {
    ...(limits.length === 0 ? {} : { limits }),
    ...(planTask.takes === undefined ? {} : { takes: planTask.takes }),
    ...(planTask.dataRules === undefined ? {} : { dataRules: planTask.dataRules }),
    ...(planTask.data === undefined ? {} : { data: planTask.data }),
    ...(expr === undefined ? {} : { expr }),
    ...(prefer === undefined ? {} : { prefer }),
  };
  const asked = [
    projectId,
    poolId,
    planTask.executor,
    labels,
    planTask.slots,
    ...(Object.keys(more).length === 0 ? [] : [more]),
  ];
  const hash = createHash("sha256").update(JSON.stringify(asked)).digest("hex");
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
