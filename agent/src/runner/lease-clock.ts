// The main thread's end of the lease thread.
import { Worker } from "node:worker_threads";
import { elapsedMs, type ClockReading } from "@capstan/proto";
import { readClocks } from "./clock.ts";
import { termPointMs, type LeasedAttempt } from "./lease-table.ts";
import type { LeaseNotice, LeaseOrder, LeaseThreadSetup } from "./lease-thread.ts";
import type { Tree } from "./tree.ts";

/** Whether the thread has a reason to stop an attempt by now. @param base of its offer @param renewed the last acknowledged */
export function isTermDue(
  attempt: Pick<LeasedAttempt, "leaseMs" | "graceMs" | "onLeaseEnd">,
  base: ClockReading,
  renewed: ClockReading | undefined,
): boolean {
  if (attempt.onLeaseEnd === "continue") return false;
  const newest = renewed !== undefined && renewed.monoMs > base.monoMs ? renewed : base;
  return elapsedMs(newest, readClocks()) >= termPointMs(attempt.leaseMs, attempt.graceMs);
}

export class LeaseClock {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Starts the thread; resolves when it listens. The runner ends where the thread ends: nobody would stop its tasks. */
  static async start(setup: LeaseThreadSetup, onStop: (notice: LeaseNotice) => void): Promise<LeaseClock> {
    const file = import.meta.url.endsWith(".ts") ? "./lease-thread.ts" : "./lease-thread.js";
    const worker = new Worker(new URL(file, import.meta.url), { workerData: setup });
    await new Promise<void>((resolve, reject) => {
      worker.once("message", () => resolve());
      worker.once("error", reject);
    });
    worker.on("message", (notice: LeaseNotice) => onStop(notice));
    worker.on("error", (error) => {
      throw error;
    });
    return new LeaseClock(worker);
  }

  add(attempt: LeasedAttempt, base: ClockReading): void {
    this.#order({ do: "add", attempt, base });
  }
  move(attempt: string, tree: Tree): void {
    this.#order({ do: "move", attempt, tree });
  }
  remove(attempt: string): void {
    this.#order({ do: "remove", attempt });
  }
  renew(base: ClockReading): void {
    this.#order({ do: "renew", base });
  }

  #order(order: LeaseOrder): void {
    this.#worker.postMessage(order);
  }
}
