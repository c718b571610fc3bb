// Leases: renewed by heartbeats, ended by counted time, and the clock that counts.
//  L1. A renewal is committed, under the current session only, before it is acknowledged.
//  L2. A task run is handed on by time only after lease and margin by counted time, which stands still while nobody counts.
//  L3. Time is the database's; no replica's or agent's clock is compared with it.
import type { Logger } from "pino";
import type { Commit } from "../commit/commit.ts";
import type { DatabaseClock } from "./database-clock.ts";
import type { DispatchStore } from "./dispatch.store.ts";
import { Loop } from "./loop.ts";
import type { Leases, Renewal } from "./leases.ts";
import { realScheduler, type Scheduler } from "./scheduler.ts";

const batchMax = 500;

/** Group commit of renewals: one statement for all heartbeats that came while the last one was in flight. */
export class LeaseRenewals implements Leases {
  private readonly store: DispatchStore;
  private waiting: { renewal: Renewal; resolve: (current: boolean) => void; reject: (error: unknown) => void }[] = [];
  private busy = false;

  constructor(store: DispatchStore) {
    this.store = store;
  }

  renew(renewal: Renewal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ renewal, resolve, reject });
      if (!this.busy) void this.flush();
    });
  }

  private async flush(): Promise<void> {
    this.busy = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        const current = await this.store.renew(batch.map((one) => one.renewal));
        for (const one of batch) one.resolve(current.has(one.renewal.agentId));
      } catch (error) {
        for (const one of batch) one.reject(error);
      }
    }
    this.busy = false;
  }
}

/** Counts time, once a second on each replica; the rows agree because all move the same row by the same rule. */
export const leaseClockLoop = (
  store: DispatchStore,
  clock: DatabaseClock,
  log: Logger,
  scheduler: Scheduler = realScheduler,
): Loop =>
  new Loop({
    scheduler,
    name: "lease-clock",
    everyMs: 1000,
    log,
    round: async () => {
      clock.take(await store.tick());
      return false;
    },
  });

/** Ends leases that are over, and attempts whose own runner should have stopped them long ago. */
export const leaseLoop = (
  store: DispatchStore,
  commit: Commit,
  log: Logger,
  scheduler: Scheduler = realScheduler,
): Loop =>
  new Loop({
    scheduler,
    name: "lease",
    everyMs: 1000,
    log,
    round: async () => {
      const ended = await store.endedLeases(batchMax);
      const overdue = await store.overdueBackstops(batchMax);
      await Promise.all([
        ...ended.map((one) =>
          commit.submit(one.projectId, one.runId, {
            kind: "attempt_lost",
            attemptId: one.attemptId,
            epoch: one.epoch,
            position: one.position,
            cause: "lease_over",
          }),
        ),
        ...overdue.map((one) =>
          commit.submit(one.projectId, one.runId, {
            kind: "backstop",
            attemptId: one.attemptId,
            epoch: one.epoch,
            position: one.position,
          }),
        ),
      ]);
      return ended.length === batchMax;
    },
  });
