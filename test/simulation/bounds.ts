// What must happen in time: a lease that is over, a timer that is due, a deadline that has passed and a run that may be
// admitted are acted on soon, as long as the database answers and a control plane is up.
import type { Replica } from "./replica.ts";
import type { Weather } from "./sim-connection.ts";
import type { SimDatabase } from "./sim-database.ts";
import type { World } from "./world.ts";

const lookMs = 5000;
/** Of healthy time. A slow process looks every few seconds, and backs off after errors. */
const boundMs = 40_000;

export class Bounds {
  private readonly world: World;
  private readonly database: SimDatabase;
  private readonly replicas: readonly Replica[];
  private readonly weather: Weather;
  private healthySinceMs = 0;
  private since = new Map<string, number>();

  constructor(world: World, database: SimDatabase, replicas: readonly Replica[], weather: Weather) {
    this.world = world;
    this.database = database;
    this.replicas = replicas;
    this.weather = weather;
  }

  begin(): void {
    this.look();
    this.world.after(lookMs, () => this.begin());
  }

  private look(): void {
    const { world, database, weather } = this;
    const isHealthy =
      !database.isDown &&
      weather.lost + weather.conflict + weather.slowMs === 0 &&
      // One that is paused may hold a row or a lock meanwhile.
      this.replicas.every(({ process }) => !process.isPaused) &&
      this.replicas.some(({ process }) => process.isUp);
    if (!isHealthy) {
      this.healthySinceMs = world.nowMs;
      this.since = new Map();
      return;
    }
    const since = new Map<string, number>();
    const waits = (invariant: string, what: string): void => {
      const first = this.since.get(what) ?? world.nowMs;
      since.set(what, first);
      if (world.nowMs - Math.max(first, this.healthySinceMs) > boundMs)
        world.violate(invariant, `${what} for ${boundMs / 1000} s, and nobody looks`);
    };
    const nowMs = database.nowMs();
    const leaseNow = database.leaseNow();
    for (const live of database.live.values()) {
      if (database.leaseEndMs(live) <= leaseNow) waits("I1", `the lease of attempt ${live.id} is over`);
      else if (live.backstopMs !== undefined && live.backstopMs <= nowMs) {
        const state = database.runs.get(live.runId)?.tasks[live.position]?.s;
        if (state !== "cancelling") waits("I13", `attempt ${live.id} should have been stopped`);
      }
    }
    for (const { runId, position, kind, dueMs } of database.timers.values())
      if (dueMs <= nowMs) waits("I13", `timer ${kind} of ${runId} ${position}, due ${dueMs}, is due`);
    for (const run of database.runs.values()) {
      if (run.state === "running" && (run.deadlineMs ?? Infinity) <= nowMs)
        waits("I13", `the deadline of run ${run.id} has passed`);
    }
    for (const { runId } of database.admissibleRuns(1000)) waits("I11", `run ${runId} may go on`);
    for (const event of database.events) if (!event.told) waits("I15", `event ${event.id} was not told`);
    for (const { workflow, trigger, dueMs = Infinity, isGone } of database.schedules.all)
      if (!isGone && dueMs <= nowMs) waits("I6", `tick of ${workflow}.${trigger}, due ${dueMs}, is due`);
    if (database.triggers.isBehind) waits("I15", `the end of run ${database.triggers.next} was not read`);
    this.since = since;
  }
}
