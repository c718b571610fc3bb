// Positions behind the plan are indexes of mapped tasks; where they belong is told by the rows of their groups.
import type { GroupPlace } from "../../control-plane/src/engine/group.ts";
import type { PlanTask } from "../../control-plane/src/engine/plan.ts";
import type { StoredRun } from "./rows.ts";

/** The group that a position is an index of; undefined for a position of the plan. */
export const placeOf = (run: StoredRun, position: number): GroupPlace | undefined =>
  run.groups.find((group) => position >= group.base && position < group.base + group.size);

export const planTaskOf = (run: StoredRun, position: number): PlanTask | undefined =>
  run.plan.tasks[placeOf(run, position)?.position ?? position];

/** The index task runs of a group that were made. */
export const indexesOf = (run: StoredRun, group: GroupPlace) =>
  run.tasks.slice(group.base, group.base + group.size).filter((task) => task !== undefined);
