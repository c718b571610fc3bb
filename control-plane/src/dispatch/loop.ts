// The one shape of a loop: take a batch, act, sleep until woken or due. An error backs off and is counted; nothing a user
// stored ends a loop, and no loop keeps work in memory that is not also a row.
import type { Logger } from "pino";
import { realScheduler, type Scheduler } from "./scheduler.ts";

export interface LoopOptions {
  readonly name: string;
  /** Pause between rounds that nobody wakes, ms. */
  readonly everyMs: number;
  readonly log: Logger;
  /** One round. True: there may be more, look again at once. */
  readonly round: () => Promise<boolean>;
  readonly scheduler?: Scheduler;
}

export interface LoopStatus {
  readonly name: string;
  readonly rounds: number;
  readonly errors: number;
  readonly lastTookMs: number;
}

export class Loop {
  private readonly options: LoopOptions;
  private readonly scheduler: Scheduler;
  private endSleep: (() => void) | undefined;
  private running = false;
  private woken = false;
  private stopped = true;
  private failuresInRow = 0;
  private rounds = 0;
  private errors = 0;
  private lastTookMs = 0;
  private idle: (() => void)[] = [];

  constructor(options: LoopOptions) {
    this.options = options;
    this.scheduler = options.scheduler ?? realScheduler;
  }

  start(): void {
    this.stopped = false;
    this.wake();
  }

  /** Resolves when the round in progress is over. */
  stop(): Promise<void> {
    this.stopped = true;
    this.endSleep?.();
    if (!this.running) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  /** Runs a round at the end of this turn, or right after the one in progress. */
  wake(): void {
    if (this.stopped) return;
    if (this.running) {
      this.woken = true;
      return;
    }
    this.endSleep?.();
    this.running = true;
    this.scheduler.endOfTurn(() => void this.go());
  }

  status(): LoopStatus {
    const { rounds, errors, lastTookMs } = this;
    return { name: this.options.name, rounds, errors, lastTookMs };
  }

  private async go(): Promise<void> {
    this.woken = false;
    const from = this.scheduler.nowMs();
    let more = false;
    try {
      more = await this.options.round();
      this.failuresInRow = 0;
    } catch (error) {
      this.errors += 1;
      this.failuresInRow += 1;
      this.options.log[this.failuresInRow > 3 ? "error" : "warn"](
        { err: error, loop: this.options.name },
        "loop round failed",
      );
    }
    this.rounds += 1;
    this.lastTookMs = this.scheduler.nowMs() - from;
    this.running = false;
    if (this.stopped) {
      for (const resolve of this.idle.splice(0)) resolve();
      return;
    }
    if (this.failuresInRow === 0 && (more || this.woken)) return this.wake();
    const backoff = this.failuresInRow === 0 ? 0 : Math.min(10_000, 100 * 2 ** this.failuresInRow);
    // Spreads replicas.
    const pauseMs = Math.max(this.options.everyMs, backoff) * (0.9 + 0.2 * this.scheduler.random());
    this.endSleep = this.scheduler.after(pauseMs, () => this.wake());
  }
}
