// An agent as placement sees it in this replica, and the question whether a lane's work may go to it.
import type { Lane } from "../dispatch/sessions.ts";

export interface PlacedAgent {
  readonly projectId: string;
  readonly poolId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly executors: ReadonlySet<string>;
  readonly slots: number;
}

/** True where all that the lane asks for holds: project, pool, executor, slots, and each label one of its values. */
export function fitsLane(agent: PlacedAgent, lane: Lane): boolean {
  if (agent.projectId !== lane.projectId || agent.poolId !== lane.poolId) return false;
  if (agent.slots < lane.slots || !agent.executors.has(lane.executor)) return false;
  for (const key of Object.keys(lane.labels)) {
    const value = Object.hasOwn(agent.labels, key) ? agent.labels[key] : undefined;
    if (value === undefined || lane.labels[key]?.includes(value) !== true) return false;
  }
  return true;
}
