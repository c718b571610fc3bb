// The main thread's end of the lease thread.
//  K1. Orders gather, and what gathered is one message: at the end of the turn, or at once where a process is to begin.
//  K2. The end of an attempt waits for the next message, a quarter of a second at most. Until then the thread would at
//      worst stop a tree that is empty, or an interpreter that rests.
import { Worker } from "node:worker_threads";
import { elapsedMs, type ClockReading } from "@capstan/proto";
import { readClocks } from "./clock.ts";
import { newestOf, termPointMs, type LeasedAttempt } from "./lease-table.ts";
import type { LeaseNotice, LeaseOrder, LeaseThreadSetup } from "./lease-thread.ts";
import type { Tree } from "./tree.ts";

/** Whether the thread has a reason to stop an attempt by now. @param base of its offer @param renewed the last acknowledged */
export function isTermDue(
  attempt: Pick<LeasedAttempt, "leaseMs" | "graceMs" | "onLeaseEnd">,
  base: ClockReading,
  renewed: ClockReading | undefined,
): boolean {
  if (attempt.onLeaseEnd === "continue") return false;
  return elapsedMs(newestOf(base, renewed), readClocks()) >= termPointMs(attempt.leaseMs, attempt.graceMs);
}

/** One look of the thread: earlier than that it has no use for a removal. */
const removalWaitsMs = 250;

export class LeaseClock {
  readonly #worker: Worker;
  #orders: LeaseOrder[] = [];
  #isScheduled = false;
  #removals: NodeJS.Timeout | undefined;

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
  /** The attempt is over, and nothing of it can run. */
  remove(attempt: string): void {
    this.#orders.push({ do: "remove", attempt });
    this.#removals ??= setTimeout(() => this.flush(), removalWaitsMs).unref();
  }
  renew(base: ClockReading): void {
    this.#order({ do: "renew", base });
  }

  /** Tells the thread now what has gathered. Before user code begins: whatever it does to this thread, its lease ends it. */
  flush(): void {
    clearTimeout(this.#removals);
    this.#removals = undefined;
    if (this.#orders.length === 0) return;
    this.#worker.postMessage(this.#orders);
    this.#orders = [];
  }

  #order(order: LeaseOrder): void {
    this.#orders.push(order);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }
}
