// The agents of a project as placement sees them, whether their sessions are on this replica or another.
import type { Candidate } from "../engine/placement.ts";

export const AGENT_PICTURE = Symbol("AgentPicture");

export interface PicturedAgent extends Candidate {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly online: boolean;
  readonly slots: number;
  readonly slotsUsed: number;
  /** ISO 8601; undefined where it never connected. */
  readonly seen: string | undefined;
}

export interface PicturedPool {
  readonly id: string;
  readonly name: string;
  readonly paused: boolean;
}

export interface AgentPicture {
  agents(projectId: string): Promise<readonly PicturedAgent[]>;
  pools(projectId: string): Promise<readonly PicturedPool[]>;
}
