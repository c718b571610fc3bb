// Port: what reconciling an agent with the rows needs.
import type { Hello } from "@capstan/proto";

/** An attempt that the agent may be executing, as the rows have it. */
export interface HeldRow {
  readonly attemptId: string;
  readonly runId: string;
  readonly position: number;
  readonly epoch: number;
  readonly session: number;
  readonly seq: number;
  readonly started: boolean;
  /** The task run is being cancelled. */
  readonly cancelling: boolean;
}

/** An attempt of the agent that is not live any more. */
export interface EndedRow {
  readonly attemptId: string;
  readonly epoch: number;
  readonly state: string;
}

export interface LogPosition {
  readonly bytes: number;
  readonly complete: boolean;
}

export type GreetingRows =
  | { readonly kind: "stale"; readonly last: number }
  | { readonly kind: "conflict" }
  | { readonly kind: "refused"; readonly state: string }
  | {
      readonly kind: "current";
      readonly session: number;
      readonly incarnation: number;
      readonly state: string;
      readonly rebooted: boolean;
      readonly pinned: Readonly<Record<string, string>>;
      readonly live: readonly HeldRow[];
      readonly ended: readonly EndedRow[];
      readonly logs: ReadonlyMap<string, LogPosition>;
    };

export interface InventoryStore {
  /** The transaction of L6: locks session row and live attempts, advances `connect_no` and the session's number. */
  greet(
    agent: { projectId: string; agentId: string },
    hello: Hello,
    attemptIds: readonly string[],
    replica: string,
  ): Promise<GreetingRows>;
  live(projectId: string, agentId: string): Promise<readonly HeldRow[]>;
  /** Epochs of those of the agent's attempts that ended by its own word, so that no process of theirs lives. */
  reportedEnded(
    projectId: string,
    agentId: string,
    attemptIds: readonly string[],
  ): Promise<ReadonlyMap<string, number>>;
  /** Moves the session's row on, only where it is still this session. */
  setState(projectId: string, agentId: string, session: number, state: "live" | "closed" | "dead"): Promise<void>;
  securityEvent(projectId: string, kind: string, evidence: object): Promise<void>;
}
