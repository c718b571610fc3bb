// The live sessions of this replica, and through them the port by which commit and dispatch reach agents.
//  G1. An offer is made only on a live session whose last renewal is at most min(2 heartbeats, lease/5) old (L2).
//  G2. Offers of one commit leave in as few frames as fit, right after it and before the answers to the reports that caused
//      it: the agent can work on them while it reads the rest.
//  G3. Nothing here is the truth: a lost offer or cancel is repaired by inventory, `held` or the lease.
import { lackingResource, resourceNames, type Resources, type Takes } from "@capstan/proto";
import { realScheduler, type Scheduler } from "../dispatch/scheduler.ts";
import type { Lane, OfferedAttempt, Sessions, Slot } from "../dispatch/sessions.ts";
import { preferenceOf } from "../engine/placement.ts";
import type { CancelOrder } from "./cancels.ts";
import { fitsLane, type PlacedAgent } from "./placed-agent.ts";

/** What the registry takes of a session. */
export interface OfferingSession {
  readonly agentId: string;
  readonly session: number;
  readonly placed: PlacedAgent;
  readonly available: number;
  /** True where offers may be made for work with this lease. */
  accepts(leaseMs: number, nowMs: number): boolean;
  /** What the host has left beside slots. */
  readonly room: Resources;
  take(weight: number, takes?: Takes): number | undefined;
  giveBack(seq: number): void;
  offer(seq: number, attempt: OfferedAttempt): void;
  cancel(order: CancelOrder): void;
  flush(): void;
  supersede(): void;
}

interface LaneView {
  version: number;
  fits: readonly OfferingSession[];
  next: number;
  /** The capacity at which nothing was free: nobody has to look again before it changes. */
  exhaustedAt: number;
}

const choicesMax = 4;

/** How many attempts of a lane a session could take now. */
function timesIn(session: OfferingSession, { slots, takes }: Lane): number {
  const bySlots = Math.floor(session.available / slots);
  if (takes === undefined) return bySlots;
  const { room } = session;
  return Math.min(
    bySlots,
    ...resourceNames.map((name) => Math.floor(room[name] / (takes[name] ?? 0))).filter(Number.isFinite),
  );
}

export class SessionRegistry implements Sessions {
  private readonly byAgent = new Map<string, OfferingSession>();
  private readonly lanes = new Map<string, LaneView>();
  private readonly listeners: (() => void)[] = [];
  private readonly dirty = new Set<OfferingSession>();
  private version = 0;
  private capacity = 0;
  private flushAsked = false;
  private capacityAsked = false;
  private readonly nowMs: () => number;
  private readonly endOfTurn: Scheduler["endOfTurn"];
  private readonly endOfCommit: Scheduler["endOfTurn"];

  /** @param endOfTurn of a simulation, which gathers offers by it too */
  constructor(nowMs: () => number = realScheduler.nowMs, endOfTurn?: Scheduler["endOfTurn"]) {
    this.nowMs = nowMs;
    this.endOfTurn = endOfTurn ?? realScheduler.endOfTurn;
    // What a commit made is handed over in one go; the callers that wait for it come after this.
    this.endOfCommit = endOfTurn ?? queueMicrotask;
  }

  /** A session became live or changed its labels. An older one of the same agent is closed. */
  enter(session: OfferingSession): void {
    const older = this.byAgent.get(session.agentId);
    // Frames may be read late: one that becomes live after its successor is the older of the two.
    if (older !== undefined && older.session > session.session) return session.supersede();
    this.byAgent.set(session.agentId, session);
    this.version++;
    if (older !== undefined && older !== session) older.supersede();
    this.grew();
  }

  leave(session: OfferingSession): void {
    this.dirty.delete(session);
    if (this.byAgent.get(session.agentId) !== session) return;
    this.byAgent.delete(session.agentId);
    this.version++;
  }

  of(agentId: string): OfferingSession | undefined {
    return this.byAgent.get(agentId);
  }

  get size(): number {
    return this.byAgent.size;
  }

  /** A slot came free, or a renewal made a session fresh again. */
  grew(): void {
    this.capacity++;
    if (this.capacityAsked || this.listeners.length === 0) return;
    this.capacityAsked = true;
    this.endOfTurn(() => {
      this.capacityAsked = false;
      for (const listener of this.listeners) listener();
    });
  }

  /** The session has frames to send when the commit is told whole. */
  touch(session: OfferingSession): void {
    this.dirty.add(session);
    if (this.flushAsked) return;
    this.flushAsked = true;
    this.endOfCommit(() => {
      this.flushAsked = false;
      const sessions = [...this.dirty];
      this.dirty.clear();
      for (const one of sessions) one.flush();
    });
  }

  take(lane: Lane, leaseMs: number, avoid: readonly string[]): Slot | undefined {
    const view = this.viewOf(lane);
    if (view.exhaustedAt === this.capacity) return undefined;
    const count = view.fits.length;
    const nowMs = this.nowMs();
    const { prefer, takes } = lane;
    let best: OfferingSession | undefined;
    let bestWeight = 0;
    let avoided: OfferingSession | undefined;
    let anyFree = false;
    let choices = 0;
    const start = view.next++;
    // Where some agents are better than others, all that are free are looked at.
    for (let i = 0; i < count && (choices < choicesMax || prefer !== undefined); i++) {
      const session = view.fits[(start + i) % count];
      if (session === undefined || session.available < lane.slots) continue;
      if (takes !== undefined && lackingResource(session.room, takes) !== undefined) continue;
      anyFree = true;
      if (!session.accepts(leaseMs, nowMs)) continue;
      if (avoid.includes(session.agentId)) {
        avoided ??= session;
        continue;
      }
      choices++;
      const weight = prefer === undefined ? 0 : preferenceOf(prefer, { ...session.placed, agentId: session.agentId });
      const isBetter = weight > bestWeight || (weight === bestWeight && session.available > (best?.available ?? 0));
      if (best !== undefined && !isBetter) continue;
      best = session;
      bestWeight = weight;
    }
    const chosen = best ?? avoided;
    if (chosen === undefined) {
      if (!anyFree) view.exhaustedAt = this.capacity;
      return undefined;
    }
    const seq = chosen.take(lane.slots, takes);
    return seq === undefined ? undefined : { agentId: chosen.agentId, session: chosen.session, seq };
  }

  giveBack(slot: Slot): void {
    const session = this.byAgent.get(slot.agentId);
    if (session?.session !== slot.session) return;
    session.giveBack(slot.seq);
    this.grew();
  }

  offer(slot: Slot, attempt: OfferedAttempt): void {
    const session = this.byAgent.get(slot.agentId);
    if (session?.session === slot.session) session.offer(slot.seq, attempt);
  }

  cancel(agentId: string, cancel: CancelOrder): void {
    this.byAgent.get(agentId)?.cancel(cancel);
  }

  freeFor(lane: Lane, max: number): number {
    const view = this.viewOf(lane);
    if (view.exhaustedAt === this.capacity) return 0;
    const nowMs = this.nowMs();
    let free = 0;
    for (const session of view.fits) {
      if (session.available < lane.slots || !session.accepts(Number.MAX_SAFE_INTEGER, nowMs)) continue;
      free += timesIn(session, lane);
      if (free >= max) return max;
    }
    return free;
  }

  onCapacity(listener: () => void): void {
    this.listeners.push(listener);
  }

  private viewOf(lane: Lane): LaneView {
    let view = this.lanes.get(lane.laneId);
    if (view === undefined || view.version !== this.version) {
      const fits = [...this.byAgent.values()].filter((session) => fitsLane(session.placed, lane));
      view = { version: this.version, fits, next: view?.next ?? 0, exhaustedAt: -1 };
      if (this.lanes.size >= 10_000) this.lanes.clear();
      this.lanes.set(lane.laneId, view);
    }
    return view;
  }
}
