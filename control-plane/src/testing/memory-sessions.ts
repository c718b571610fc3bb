// Sessions without sockets: agents that take what is offered and hand it to the test. For tests of commit and dispatch,
// and for the simulator.
import { matches, preferenceOf, type Candidate } from "../engine/placement.ts";
import type { Lane, OfferedAttempt, Sessions, Slot } from "../dispatch/sessions.ts";

export interface MemoryAgent extends Candidate {
  readonly agentId: string;
  readonly session: number;
  readonly poolId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly executors: readonly string[];
  free: number;
  seq: number;
}

export interface GivenOffer {
  readonly slot: Slot;
  readonly attempt: OfferedAttempt;
}

export class MemorySessions implements Sessions {
  readonly agents: MemoryAgent[] = [];
  readonly offers: GivenOffer[] = [];
  readonly cancels: { agentId: string; attemptId: string; epoch: number; reason: string }[] = [];
  private readonly listeners: (() => void)[] = [];
  /** Called for each offer; the default keeps it in `offers`. */
  onOffer: (given: GivenOffer) => void = (given) => this.offers.push(given);

  take(lane: Lane, _leaseMs: number, avoid: readonly string[]): Slot | undefined {
    const fits = this.agents.filter((agent) => agent.free >= lane.slots && matches(lane, agent));
    const weightOf = (one: MemoryAgent): number => preferenceOf(lane.prefer ?? [], one);
    const best = fits.filter((one) => !avoid.includes(one.agentId)).toSorted((a, b) => weightOf(b) - weightOf(a));
    const agent = best[0] ?? fits[0];
    if (agent === undefined) return undefined;
    agent.free -= lane.slots;
    agent.seq += 1;
    return { agentId: agent.agentId, session: agent.session, seq: agent.seq };
  }

  giveBack(slot: Slot): void {
    this.release(slot.agentId);
  }

  /** A slot came free. */
  release(agentId: string): void {
    const agent = this.agents.find((one) => one.agentId === agentId);
    if (agent !== undefined) agent.free += 1;
    for (const listener of this.listeners) listener();
  }

  offer(slot: Slot, attempt: OfferedAttempt): void {
    this.onOffer({ slot, attempt });
  }

  cancel(agentId: string, cancel: { attemptId: string; epoch: number; reason: "cancelled" | "timeout" }): void {
    this.cancels.push({ agentId, ...cancel });
  }

  freeFor(lane: Lane, max: number): number {
    let free = 0;
    for (const agent of this.agents) if (matches(lane, agent)) free += Math.floor(agent.free / lane.slots);
    return Math.min(free, max);
  }

  onCapacity(listener: () => void): void {
    this.listeners.push(listener);
  }
}
