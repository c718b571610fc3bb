// Who could take each task of a version now, told before it is deployed.
import {
  actionKindOf,
  controlPlaneActions,
  residencyOf,
  hookKeysOf,
  hookNames,
  taskHookNames,
  isExpr,
  isText,
  labelsWantedBy,
  slotsOf,
  takesOf,
  taskOf,
  type CanonicalWorkflow,
  type TaskPlacement,
} from "@capstan/proto";
import type { PicturedAgent, PicturedPool } from "../explain/agent-picture.ts";
import { funnelOf } from "../explain/funnel.ts";

const defaultPool = "default";

export function placementPlan(
  document: CanonicalWorkflow,
  agents: readonly PicturedAgent[],
  pools: readonly PicturedPool[],
): TaskPlacement[] {
  const residency = residencyOf(document);
  const ids = Object.keys(document.tasks).toSorted();
  const keys = [
    ...ids,
    ...hookNames.flatMap((name) => hookKeysOf(document, name)),
    ...ids.flatMap((id) => taskHookNames.flatMap((name) => hookKeysOf(document, name, id))),
  ];
  return keys.flatMap((key) => {
    const task = taskOf(document, key);
    // What the control plane carries itself needs no agent.
    if (task === undefined || controlPlaneActions.has(actionKindOf(task.action))) return [];
    const poolName = task.runsOn?.pool ?? defaultPool;
    const pool = pools.find((candidate) => candidate.name === poolName);
    const labels: Record<string, readonly string[]> = {};
    let dynamic = false;
    for (const [label, wanted] of Object.entries(labelsWantedBy(task))) {
      const values = Array.isArray(wanted) ? wanted : [wanted];
      const texts = values.filter((value): value is string => typeof value === "string");
      if (values.some((value) => isExpr(value) || isText(value))) dynamic = true;
      else labels[label] = texts;
    }
    const takes = takesOf(task);
    const { rules: dataRules, classes: data } = residency.get(key) ?? {};
    const funnel = funnelOf(
      {
        poolId: pool?.id ?? "",
        executor: actionKindOf(task.action),
        labels,
        slots: slotsOf(task),
        ...(takes === undefined ? {} : { takes }),
        ...(dataRules === undefined ? {} : { dataRules }),
        ...(data === undefined ? {} : { data }),
        ...(task.runsOn?.expr === undefined ? {} : { expr: task.runsOn.expr.$expr }),
      },
      poolName,
      agents,
    );
    return [
      {
        task: key,
        pool: poolName,
        agentsOnline: funnel.matching.filter((agent) => agent.online).length,
        agentsMatching: funnel.matching.length,
        agents: funnel.matching.slice(0, 3).map((agent) => agent.name),
        reason: funnel.reason === "agents_busy" ? null : (funnel.reason ?? null),
        nearest: funnel.nearest ?? null,
        dynamic,
      },
    ];
  });
}
