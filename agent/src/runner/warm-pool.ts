// The warm interpreters of a runner that wait for their next attempt.
//  P1. An idle one waits a minute, and there are at most eight: what is over that ends, the oldest first.
//  P2. Where no interpreter can be kept, an attempt runs cold; warmth is never a reason to fail.
//  P3. The successor of one that has carried almost all it may is started beside it, while it goes on.
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
  /** Keys whose successor is being started. */
  readonly #coming = new Map<string, Promise<void>>();
  #made = 0;
  #isClosed = false;

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
      if (found.worker.isAlive) {
        if (found.worker.isNearItsEnd) this.#startSuccessor(start);
        return found.worker;
      }
      void found.worker.end();
    }
    return await this.#startOne(start);
  }

  /** Unless one waits already, or is on its way. */
  #startSuccessor(start: WarmStart): void {
    const { key } = start;
    if (this.#coming.has(key) || this.#idle.some(({ worker }) => worker.key === key)) return;
    const coming = this.#startOne(start).then(async (worker) => {
      this.#coming.delete(key);
      if (this.#isClosed) await worker?.end();
      else if (worker !== undefined) this.giveBack(worker);
    });
    this.#coming.set(key, coming);
  }

  async #startOne(start: WarmStart): Promise<WarmWorker | undefined> {
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
    this.#isClosed = true;
    await Promise.all(this.#coming.values());
    const idle = this.#idle.splice(0);
    for (const { timer } of idle) clearTimeout(timer);
    await Promise.all(idle.map(({ worker }) => worker.end()));
  }
}
