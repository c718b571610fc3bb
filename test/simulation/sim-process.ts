// A process that can be killed, paused and started again. What it has asked for (a timer, an answer) dies with it and
// waits while it is paused.
import type { Scheduler } from "../../control-plane/src/dispatch/scheduler.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

export class SimProcess {
  isUp = false;
  isPaused = false;
  private generation = 0;
  private held: (() => void)[] = [];
  private readonly ends = new Set<() => void>();
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  start(): void {
    this.generation++;
    this.isUp = true;
    this.isPaused = false;
    this.held = [];
  }

  kill(): void {
    this.generation++;
    this.isUp = false;
    this.held = [];
    const ends = [...this.ends];
    this.ends.clear();
    for (const work of ends) work();
  }

  /** Calls when the process dies; the answer takes that back. */
  atEnd(work: () => void): () => void {
    this.ends.add(work);
    return () => this.ends.delete(work);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    const held = this.held;
    this.held = [];
    for (const work of held) this.world.after(0, work);
  }

  /** Which of its lives it is in. */
  get life(): number {
    return this.generation;
  }

  /** Work that belongs to one life of the process, the present one unless said. */
  bind(work: () => void, generation = this.generation): () => void {
    const bound = (): void => {
      if (generation !== this.generation || !this.isUp) return;
      if (this.isPaused) this.held.push(bound);
      else work();
    };
    return bound;
  }

  after(ms: number, work: () => void, life = this.generation): () => void {
    return this.world.after(ms, this.bind(work, life));
  }
}

/**
 * The scheduler of a replica's process.
 * @param pace stretches pauses of 200 ms and more, so that idle loops cost less; a slow process is a legal one
 */
export const schedulerOf = (
  world: World,
  process: SimProcess,
  options: { readonly random: Random; readonly rate: number; readonly pace: number },
): Scheduler => {
  // Somebody may still hold what belonged to an earlier life, and call it: nothing comes of that.
  const { life } = process;
  return {
    nowMs: () => world.nowMs * options.rate,
    endOfTurn: (work) => void process.after(0, work, life),
    after: (ms, work) => process.after((ms >= 200 ? ms * options.pace : ms) / options.rate, work, life),
    random: () => options.random.next(),
  };
};
