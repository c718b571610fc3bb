// An agent as placement sees it in this replica, and the question whether a lane's work may go to it.
import type { Lane } from "../dispatch/sessions.ts";
import { matches, type Candidate } from "../engine/placement.ts";

export interface PlacedAgent extends Candidate {
  readonly projectId: string;
}

/** True where all that the lane asks for holds: its project, and the predicate of placement. */
export const fitsLane = (agent: PlacedAgent, lane: Lane): boolean =>
  agent.projectId === lane.projectId && matches(lane, agent);
