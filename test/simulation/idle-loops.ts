// Loops that would find nothing sleep until there is something to find. A look that finds nothing has no consequences, so
// leaving it out changes no history; it was two thirds of all events. What wakes a loop is a look at the rows themselves,
// with every write, and no notice of the product: one that is forgotten there is still found out here.
import type { StoredLive } from "./rows.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "../../control-plane/src/dispatch/scheduler.ts";
import type { SimDatabase } from "./sim-database.ts";
import type { World } from "./world.ts";

/** What a loop looks for. */
export const lookKinds = [
  "lanes",
  "leases",
  "timers",
  "admission",
  "events",
  "deadlines",
  "schedules",
  "relay",
  "operations",
] as const;
export type LookKind = (typeof lookKinds)[number];

interface Sleeper {
  /** The pause of its loop: where in it the loop stands when there is something to find is chance. */
  readonly pauseMs: number;
  readonly look: () => void;
}

export class IdleLoops {
  private readonly world: World;
  private readonly database: SimDatabase;
  private readonly random: Random;
  private readonly asleep = new Map<LookKind, Set<Sleeper>>(lookKinds.map((kind) => [kind, new Set()]));
  /** The next moment at which rows alone may give something to find. */
  private readonly alarms = new Map<LookKind, { readonly atMs: number; readonly drop: () => void }>();

  constructor(world: World, database: SimDatabase, random: Random) {
    this.world = world;
    this.database = database;
    this.random = random;
    database.onChange = () => this.look();
  }

  /**
   * The scheduler of one loop.
   * @param finds what its look would come to beside the rows, in its own process
   */
  schedulerOf(scheduler: Scheduler, kind: LookKind, finds: () => boolean = () => false): Scheduler {
    return {
      ...scheduler,
      after: (ms, work) => {
        let drop = scheduler.after(ms, () => {
          if (finds() || this.finds(kind)) return work();
          drop = this.sleep(kind, {
            pauseMs: ms,
            look: () => (drop = scheduler.after(this.random.between(0, ms), work)),
          });
        });
        return () => drop();
      },
    };
  }

  private sleep(kind: LookKind, sleeper: Sleeper): () => void {
    const sleepers = this.asleep.get(kind);
    sleepers?.add(sleeper);
    this.setAlarm(kind);
    return () => sleepers?.delete(sleeper);
  }

  private look(): void {
    for (const [kind, sleepers] of this.asleep) if (sleepers.size > 0) this.lookFor(kind, sleepers);
  }

  private lookFor(kind: LookKind, sleepers: Set<Sleeper>): void {
    if (!this.finds(kind)) return this.setAlarm(kind);
    const woken = [...sleepers];
    sleepers.clear();
    for (const { look } of woken) look();
  }

  private setAlarm(kind: LookKind): void {
    const inMs = this.nextInMs(kind);
    const alarm = this.alarms.get(kind);
    if (inMs === Number.POSITIVE_INFINITY) return;
    // Counted time may stand still; then nobody looks oftener than this.
    const atMs = this.world.nowMs + Math.max(kind === "leases" ? 100 : 1, inMs) + 1;
    if (alarm !== undefined && alarm.atMs <= atMs) return;
    alarm?.drop();
    const drop = this.world.after(atMs - this.world.nowMs, () => {
      this.alarms.delete(kind);
      const sleepers = this.asleep.get(kind);
      if (sleepers !== undefined && sleepers.size > 0) this.lookFor(kind, sleepers);
    });
    this.alarms.set(kind, { atMs, drop });
  }

  /** Whether a look would find something; always where it would fail. */
  private finds(kind: LookKind): boolean {
    const { database } = this;
    if (database.isDown) return true;
    switch (kind) {
      case "lanes":
        return database.queue.size > 0;
      case "admission":
        return database.groups.size > 0 && database.admissibleRuns(1).length > 0;
      case "events":
        return database.events.some((event) => !event.told);
      case "relay":
        return database.triggers.isBehind;
      default:
        return this.nextInMs(kind) <= 0;
    }
  }

  /** Time from now until a row is due, if none is written meanwhile; at least so long. */
  private nextInMs(kind: LookKind): number {
    const { database } = this;
    const nowMs = database.nowMs();
    let next = Number.POSITIVE_INFINITY;
    if (kind === "schedules") return database.schedules.nextInMs();
    if (kind === "operations") return database.operations.nextInMs();
    if (kind === "timers") {
      for (const { dueMs } of database.timers.values()) next = Math.min(next, dueMs - nowMs);
    } else if (kind === "deadlines") {
      for (const { state, deadlineMs } of database.runs.values())
        if (deadlineMs !== undefined && (state === "running" || state === "queued"))
          next = Math.min(next, deadlineMs - nowMs);
    } else if (kind === "leases") {
      const leaseNow = database.leaseNow();
      for (const one of database.live.values()) next = Math.min(next, this.leaseInMs(one, leaseNow, nowMs));
    }
    return next;
  }

  /** Counted time stands still at times and is never faster than the clock. */
  private leaseInMs(one: StoredLive, leaseNow: number, nowMs: number): number {
    const leaseMs = this.database.leaseEndMs(one) - leaseNow;
    return one.backstopMs === undefined ? leaseMs : Math.min(leaseMs, one.backstopMs - nowMs);
  }
}
