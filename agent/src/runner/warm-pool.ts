// The warm interpreters of a runner that wait for their next attempt.
//  P1. An idle one waits a minute, and there are at most eight: what is over that ends, the oldest first.
//  P2. Where no interpreter can be kept, an attempt runs cold; warmth is never a reason to fail.
import type { WarmStart } from "../execute/executor.ts";
import { startTicksOf, warmMark } from "./process-identity.ts";
import type { Spawner } from "./spawner.ts";
import { WarmWorker } from "./warm-worker.ts";

const idleMs = 60_000;
const idleMax = 8;

export interface WarmPoolOptions {
  readonly cgroupParent: string;
  readonly spawner: Spawner;
  /** A path for a new socket, in a private folder. */
  readonly socketPath: (name: string) => string;
}

interface Idle {
  readonly worker: WarmWorker;
  readonly timer: NodeJS.Timeout;
}

export class WarmPool {
  readonly #options: WarmPoolOptions;
  #idle: Idle[] = [];
  #made = 0;

  constructor(options: WarmPoolOptions) {
    this.#options = options;
  }

  /** An interpreter for an attempt; undefined where there is none to be had. */
  async take(start: WarmStart): Promise<WarmWorker | undefined> {
    // Its state is read from /proc.
    if (process.platform !== "linux") return undefined;
    for (let at = this.#idle.length - 1; at >= 0; at--) {
      const found = this.#idle[at];
      if (found === undefined || found.worker.key !== start.key) continue;
      this.#idle.splice(at, 1);
      clearTimeout(found.timer);
      if (found.worker.isAlive) return found.worker;
      void found.worker.end();
    }
    const name = `warm-${process.pid}-${++this.#made}`;
    try {
      const { cgroupParent, spawner, socketPath } = this.#options;
      return await WarmWorker.start({
        start,
        name,
        socketPath: socketPath(name),
        cgroupParent,
        spawner,
        mark: warmMark({ pid: process.pid, startTicks: startTicksOf(process.pid) ?? 0 }),
      });
    } catch (error) {
      console.error(`runner: no warm interpreter: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  /** Keeps one that rests. */
  giveBack(worker: WarmWorker): void {
    const idle: Idle = {
      worker,
      timer: setTimeout(() => {
        this.#idle = this.#idle.filter((one) => one !== idle);
        void worker.end();
      }, idleMs).unref(),
    };
    this.#idle.push(idle);
    const oldest = this.#idle.length > idleMax ? this.#idle.shift() : undefined;
    if (oldest === undefined) return;
    clearTimeout(oldest.timer);
    void oldest.worker.end();
  }

  /** Ends all that wait. */
  async close(): Promise<void> {
    const idle = this.#idle.splice(0);
    for (const { timer } of idle) clearTimeout(timer);
    await Promise.all(idle.map(({ worker }) => worker.end()));
  }
}
