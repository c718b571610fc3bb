// Queued → offered: for each lane with waiting work and free slots here, reserve the top candidates and let the commit
// stage make their attempts.
//  D1. Waiting work is looked at on every freed slot, every commit that queued some, and every second besides.
//  D2. A slot is promised before a row is reserved, so a reservation never waits for an agent.
//  D3. What is reserved and not made is given back; if this process dies, the reservation ends by itself.
import type { Logger } from "pino";
import type { Commit } from "../commit/commit.ts";
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

export class DispatchLoop {
  readonly loop: Loop;
  private readonly parts: DispatchLoopParts;
  private readonly batchMax: number;
  private readonly scheduler: Scheduler;
  private lookedAt = Number.NEGATIVE_INFINITY;

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
      backlog.replace(await store.lanesWithWork());
      this.lookedAt = this.scheduler.nowMs();
    }
    let more = false;
    for (const lane of backlog.all()) {
      const free = sessions.freeFor(lane, this.batchMax);
      if (free === 0) continue;
      const waiting = await store.reserve(lane.laneId, free);
      if (waiting.length === 0) {
        backlog.remove(lane.laneId);
        continue;
      }
      const made = await this.offerAll(lane, waiting);
      if (waiting.length < free && made === waiting.length) backlog.remove(lane.laneId);
      else if (made > 0) more = true;
    }
    return more;
  }

  private async offerAll(lane: Lane, waiting: readonly WaitingTask[]): Promise<number> {
    const { sessions, commit, store } = this.parts;
    const unused: WaitingTask[] = [];
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
