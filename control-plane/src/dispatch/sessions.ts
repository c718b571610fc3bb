// The port by which commit and dispatch reach agents. `gateway` implements it; losing what it sends is harmless (the row
// is the truth, and the agent's inventory or the lease repairs it).
import type { AttemptTakes, DataRules, JsonObject, Takes } from "@capstan/proto";
import type { Preference } from "../engine/placement.ts";
import type { LimitDemand } from "../engine/limit.ts";
import type { Slot } from "../engine/event.ts";

/** What a lane asks of an agent. All must hold. */
export interface LaneSelector {
  readonly poolId: string;
  /** Executor kind: `run`, `python`, `node`, `http`, `notify`. */
  readonly executor: string;
  /** Label → accepted values (any of them). */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  readonly slots: number;
  /** Values that a join token must have pinned; absent where no data demands it. */
  readonly dataRules?: DataRules;
  /** Classes of data that the agent must allow; absent where it handles none. */
  readonly data?: readonly string[];
  /** What one attempt takes of the host beside slots; absent where it takes nothing that is counted. */
  readonly takes?: Takes;
  /** CEL over `agent`, which must hold. */
  readonly expr?: string;
  /** Which agents are better than others that match and are free. */
  readonly prefer?: readonly Preference[];
  /** What each attempt takes of limits, in the order of their keys; absent where it takes none. */
  readonly limits?: readonly LimitDemand[];
}

export interface Lane extends LaneSelector {
  readonly projectId: string;
  readonly laneId: string;
}

export type { Slot } from "../engine/event.ts";

/** One attempt of an offer, as the agent takes it (`offer.attempts[]` of the protocol is made from it). */
export interface OfferedAttempt {
  readonly seq: number;
  readonly attemptId: string;
  readonly epoch: number;
  readonly taskRunId: string;
  readonly runId: string;
  readonly runName: string;
  readonly project: string;
  readonly projectId: string;
  readonly task: string;
  readonly index: number;
  readonly number: number;
  readonly specDigest: string;
  readonly workflowId: string;
  readonly inputs: JsonObject;
  readonly leaseMs: number;
  readonly onLeaseEnd: "stop" | "continue";
  readonly timeoutMs?: number;
  readonly graceMs: number;
  readonly secrets: readonly string[];
  /** The attempt whose held outputs are to be told; absent where something is to be run. */
  readonly release?: string;
  /** Absent where it takes one slot and nothing else. */
  readonly resources?: AttemptTakes;
}

export interface Sessions {
  /**
   * Promises one slot for the lane on a live session of this replica whose last renewal is fresh (at most two
   * heartbeats or a fifth of the lease old), or undefined. `avoid`: agents to be taken last.
   */
  take(lane: Lane, leaseMs: number, avoid: readonly string[]): Slot | undefined;
  /** Gives a promised slot back because the commit did not make the attempt. Its `seq` is never used again. */
  giveBack(slot: Slot): void;
  /** Sends offers after their commit; collected and flushed once per turn of the event loop. */
  offer(slot: Slot, attempt: OfferedAttempt): void;
  /** Asks the agent to stop an attempt. Repeated in heartbeat answers by the gateway until the attempt ends. */
  cancel(
    agentId: string,
    cancel: { attemptId: string; epoch: number; reason: "cancelled" | "timeout"; graceMs: number },
  ): void;
  /** How many slots could be taken now for the lane, at most `max`. */
  freeFor(lane: Lane, max: number): number;
  /** Called when a slot came free or a session went live; the dispatcher looks at waiting work then. */
  onCapacity(listener: () => void): void;
}
