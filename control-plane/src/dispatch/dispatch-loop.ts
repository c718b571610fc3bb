// Queued → offered: for each lane with waiting work and free slots here, reserve the top candidates and let the commit
// stage make their attempts.
//  D1. Waiting work is looked at on every freed slot, every commit that queued some, and every second besides.
//  D2. A slot is promised before a row is reserved, so a reservation never waits for an agent.
//  D3. What is reserved and not made is given back; if this process dies, the reservation ends by itself.
//  D4. A slot goes to the best level of priority that can use it, whichever lane it waits in.
import type { Logger } from "pino";
import type { Commit } from "../commit/commit.ts";
import { roomFor, type LimitStates } from "../engine/limit.ts";
import type { Backlog } from "./backlog.ts";
import type { DispatchStore, WaitingTask } from "./dispatch.store.ts";
import { Loop } from "./loop.ts";
import { realScheduler, type Scheduler } from "./scheduler.ts";
import type { Lane, Sessions } from "./sessions.ts";

export interface DispatchLoopParts {
  readonly store: DispatchStore;
  readonly commit: Commit;
  readonly sessions: Sessions;
  readonly backlog: Backlog;
  readonly log: Logger;
}

/** A lane that could use slots now, and how many. */
interface LaneAbility {
  readonly lane: Lane;
  readonly free: () => number;
}

export class DispatchLoop {
  readonly loop: Loop;
  private readonly parts: DispatchLoopParts;
  private readonly batchMax: number;
  private readonly scheduler: Scheduler;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private rounds = 0;

  constructor(
    parts: DispatchLoopParts,
    options: { readonly batchMax?: number; readonly everyMs?: number; readonly scheduler?: Scheduler } = {},
  ) {
    this.parts = parts;
    this.batchMax = options.batchMax ?? 100;
    this.scheduler = options.scheduler ?? realScheduler;
    this.loop = new Loop({
      name: "dispatch",
      everyMs: options.everyMs ?? 1000,
      log: parts.log,
      scheduler: this.scheduler,
      round: () => this.round(),
    });
    parts.sessions.onCapacity(() => {
      if (parts.backlog.all().length > 0) this.loop.wake();
    });
    parts.backlog.onWork(() => this.loop.wake());
  }

  private async round(): Promise<boolean> {
    const { store, backlog, sessions } = this.parts;
    // The rows are the truth: other replicas queue work too, and this one may have started a moment ago.
    if (this.scheduler.nowMs() - this.lookedAt > 900) {
      const waiting = await store.lanesWithWork();
      for (const { laneId, pass } of waiting) backlog.turns.reached(laneId, pass);
      backlog.replace(waiting);
      this.lookedAt = this.scheduler.nowMs();
    }
    const lanes = backlog.all();
    const limits = await this.limitStates(lanes);
    const able = lanes.flatMap((lane): LaneAbility[] => {
      // What waits for a limit stands in lanes of its own and keeps no other lane back.
      const free = (): number =>
        Math.min(sessions.freeFor(lane, this.batchMax), roomFor(lane.limits ?? [], lane.projectId, limits));
      return free() > 0 ? [{ lane, free }] : [];
    });
    const [only] = able;
    if (only === undefined) return false;
    return able.length === 1 ? this.serveOne(only) : this.serveByLevel(able);
  }

  /** Nobody else could take the slots: the lane's own order is all there is. */
  private async serveOne({ lane, free }: LaneAbility): Promise<boolean> {
    const { store, backlog } = this.parts;
    const wanted = free();
    const waiting = await store.reserve(lane.laneId, wanted);
    if (waiting.length === 0) {
      backlog.remove(lane.laneId);
      return false;
    }
    const made = await this.offerAll(lane, waiting);
    if (waiting.length < wanted && made === waiting.length) {
      backlog.remove(lane.laneId);
      return false;
    }
    return made > 0;
  }

  /**
   * Lanes may want the same agents: the first level of priority that can use a slot is served, its lanes by equal parts,
   * then all is looked at again. D4. So no task run is offered while another of a better level could have had the slot.
   */
  private async serveByLevel(able: readonly LaneAbility[]): Promise<boolean> {
    const { store, backlog } = this.parts;
    const heads = await store.laneHeads(able.map(({ lane }) => lane.laneId));
    for (const { lane } of able) if (!heads.has(lane.laneId)) backlog.remove(lane.laneId);
    const levels = [...new Set([...heads.values()].map((head) => head.priority))].toSorted((a, b) => a - b);
    this.rounds += 1;
    for (const level of levels) {
      const at = able.filter(({ lane }) => heads.get(lane.laneId)?.priority === level);
      let made = 0;
      for (let i = 0; i < at.length; i++) {
        const one = at[(i + this.rounds) % at.length];
        const share = one === undefined ? 0 : Math.ceil(one.free() / at.length);
        if (one === undefined || share === 0) continue;
        const waiting = await store.reserve(one.lane.laneId, share, level);
        made += await this.offerAll(one.lane, waiting);
      }
      if (made > 0) return true;
    }
    return false;
  }

  /** What the limits of waiting lanes have left, read once for all. */
  private async limitStates(lanes: readonly Lane[]): Promise<LimitStates> {
    const refs = lanes.flatMap(({ projectId, limits = [] }) => limits.map(({ key }) => ({ projectId, key })));
    return refs.length === 0 ? new Map() : this.parts.store.limitStates(refs);
  }

  private async offerAll(lane: Lane, waiting: readonly WaitingTask[]): Promise<number> {
    const { sessions, commit, store } = this.parts;
    const unused: WaitingTask[] = [];
    const [first] = waiting;
    if (first !== undefined) {
      this.parts.backlog.turns.reached(
        lane.laneId,
        waiting.reduce((least, one) => Math.min(least, one.pass), first.pass),
      );
    }
    const made = await Promise.all(
      waiting.map(async (task) => {
        const slot = sessions.take(lane, task.leaseMs, task.avoid);
        if (slot === undefined) {
          unused.push(task);
          return false;
        }
        try {
          const outcome = await commit.submit(task.projectId, task.runId, {
            kind: "claimed",
            position: task.position,
            ...slot,
          });
          if (outcome.kind === "accepted") return true;
          sessions.giveBack(slot);
          if (outcome.kind === "no_room") unused.push(task);
          return false;
        } catch (error) {
          sessions.giveBack(slot);
          unused.push(task);
          this.parts.log.warn({ err: error, run: task.runId }, "claim failed");
          return false;
        }
      }),
    );
    if (unused.length > 0) await store.release(unused);
    return made.filter(Boolean).length;
  }
}
