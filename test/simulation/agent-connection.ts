// An agent's end of its connections, by the protocol's rules (docs/protocol.md, "Rules"), on simulated time: hello, watchdog,
// heartbeats and the readings that leases count from. What comes over them: `agent.ts`.
import { idFromUuid, type AgentBody, type AgentFrameType, type AttemptPair, type ClockReading } from "@capstan/proto";
import { freeSlots } from "../../agent/src/claim/slots.ts";
import { reconnectDelayMs } from "../../agent/src/connection/backoff.ts";
import { inventoryItemOf, type Held } from "./agent-held.ts";
import type { Host } from "./host.ts";
import { SimJournal } from "./journal.ts";
import type { Connection } from "./link.ts";
import type { Random } from "./random.ts";
import { SimProcess } from "./sim-process.ts";
import type { World } from "./world.ts";

export interface AgentParts {
  readonly world: World;
  readonly random: Random;
  readonly host: Host;
  readonly agentId: string;
  readonly slots: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Opens a connection to some replica; undefined where none answers. */
  readonly connect: (agent: AgentConnection) => Connection | undefined;
  /** Told of every acknowledged finish, for the check that it is kept. */
  readonly onAcknowledged: (attempt: string, epoch: number, result: string) => void;
}

const readingsKept = 16;
/** A quarter of the shortest lease of any world. */
const leastBoundMs = 7500;

export abstract class AgentConnection {
  readonly parts: AgentParts;
  readonly process: SimProcess;
  readonly journal = new SimJournal();
  isDraining = false;
  protected held = new Map<string, Held>();
  protected busy = 0;
  protected connection: Connection | undefined;
  protected phase: "none" | "opening" | "syncing" | "live" = "none";
  protected sent = 0;
  protected heardMs = 0;
  protected readings = new Map<number, ClockReading>();
  protected cancelled = new Set<string>();
  protected offers = 0;
  protected failures = 0;
  protected heartbeatMs = 10_000;
  protected nextBeatMs = 0;
  private n = 0;
  private acknowledged = 0;
  private connectedAtMs = 0;
  private dropHeartbeat: () => void = () => undefined;
  private syncedAtMs = 0;

  constructor(parts: AgentParts) {
    this.parts = parts;
    this.process = new SimProcess(parts.world);
  }

  /** A frame of the connection that is open now. */
  protected abstract onText(text: string): void;

  get name(): string {
    return this.parts.host.name;
  }

  get heldCount(): number {
    return this.held.size;
  }

  /** The network of this host works again, or otherwise. */
  networkChanged(): void {
    this.connection?.healed();
  }

  connectionBroken(): void {
    this.connection?.broken();
  }

  protected connect(): void {
    if (this.connection !== undefined) return;
    const { random, host } = this.parts;
    const connection = this.parts.connect(this);
    if (connection === undefined) return this.retry(undefined);
    this.connection = connection;
    this.phase = "opening";
    this.connectedAtMs = this.parts.world.nowMs;
    this.heardMs = this.parts.world.nowMs;
    this.sent = 0;
    this.n = 0;
    this.acknowledged = 0;
    this.offers = 0;
    this.readings = new Map();
    this.cancelled = new Set();
    connection.down.end = {
      onText: (text) => {
        if (this.connection === connection) this.onText(text);
      },
      onClosed: (code) =>
        this.ifUp(() => {
          if (this.connection === connection) this.onClosed(code);
        }),
    };
    // The journal keeps the number before anybody hears of it, but it is not synced.
    this.journal.append({
      t: "connect",
      connectNo: this.journal.connectNo + 1,
      incarnation: this.journal.incarnation,
    });
    if (random.chance(0.5)) this.sync();
    this.readings.set(0, host.clocks());
    this.frame("hello", {
      agent: idFromUuid("ag", this.parts.agentId),
      connectNo: this.journal.connectNo,
      version: "0.1.0",
      protocol: { min: 1, max: 1 },
      incarnation: this.journal.incarnation,
      host: {
        bootId: `boot ${host.name} ${host.boot}`,
        fingerprint: `fingerprint ${host.name}`,
        os: "linux",
        arch: "x64",
        kernel: "6",
        cpus: 2,
        memoryBytes: 1,
        isolation: ["L0"],
      },
      process: { nonce: "n", startedMs: 1 },
      labels: { facts: { ...this.parts.labels }, self: {} },
      executors: ["run", "python", "node", "http", "notify"].map((kind) => ({ kind, version: "0.1.0" })),
      slots: this.parts.slots,
      free: this.free(),
      inventory: [...this.held.values()].map(inventoryItemOf),
      more: false,
    });
  }

  protected onClosed(code: number): void {
    this.parts.world.count(`closed ${code}`);
    if (code === 4409) {
      this.parts.world.violate("I1", `${this.name} was told on its only connection that a newer one exists`);
    }
    this.endSession();
    this.retry(code === 4400 ? 60_000 : undefined);
  }

  protected dead(reason: string, afterMs?: number): void {
    this.parts.world.trace("agent closes", this.name, reason);
    const { connection } = this;
    this.endSession();
    connection?.close("agent", 1000);
    this.retry(afterMs);
  }

  protected endSession(): void {
    this.phase = "none";
    this.connection = undefined;
  }

  protected retry(afterMs: number | undefined): void {
    const { world, random } = this.parts;
    if (world.nowMs - this.connectedAtMs > 60_000) this.failures = 0;
    this.failures++;
    const delayMs = afterMs ?? reconnectDelayMs(this.failures, this.shortestLeaseMs(), random.next());
    this.process.after(delayMs + random.between(1, 60), () => this.connect());
  }

  /** The watchdog of the connection. It looks once a second, and here not before the shortest of leases could ask for it. */
  protected watch(): void {
    const { nowMs } = this.parts.world;
    let waitMs = leastBoundMs;
    if (this.connection !== undefined) {
      const boundMs =
        this.phase === "opening"
          ? 10_000
          : Math.min(3 * this.heartbeatMs, (this.shortestLeaseMs() ?? Number.POSITIVE_INFINITY) / 4);
      if (nowMs - this.heardMs > boundMs) this.dead("nothing heard");
      else waitMs = Math.max(leastBoundMs - (nowMs - this.heardMs), 0);
    }
    this.process.after(waitMs + this.parts.random.between(1, 1000), () => this.watch());
  }

  protected frame<T extends AgentFrameType>(t: T, b: AgentBody<T>, re?: number): void {
    const id = ++this.sent;
    this.connection?.send("up", JSON.stringify(re === undefined ? { t, id, b } : { t, id, re, b }));
  }

  protected onRenewed(n: number): void {
    const reading = this.readings.get(n);
    if (reading === undefined || n < this.acknowledged) return;
    this.acknowledged = n;
    this.parts.host.renew(reading);
  }

  protected scheduleHeartbeat(): void {
    const { connection } = this;
    this.dropHeartbeat();
    const intervalMs = this.intervalMs();
    this.nextBeatMs = this.parts.world.nowMs + intervalMs;
    this.dropHeartbeat = this.process.after(intervalMs, () => {
      if (this.connection !== connection || connection === undefined) return;
      this.beat();
      this.scheduleHeartbeat();
    });
  }

  protected intervalMs(): number {
    return Math.min(this.heartbeatMs, (this.shortestLeaseMs() ?? Number.POSITIVE_INFINITY) / 6);
  }

  protected beat(): void {
    this.readings.set(++this.n, this.parts.host.clocks());
    this.readings.delete(this.n - readingsKept);
    this.frame("heartbeat", {
      n: this.n,
      held: this.pairs(),
      ...this.demand(),
      ...(this.isDraining ? { paused: "draining" as const } : {}),
      loopLagMs: 0,
      tickAgeMs: 0,
      cpu: 0,
      memFreeBytes: 1,
      diskFree: 1,
      inodesFree: 1,
      spoolBytes: 0,
    });
  }

  protected demand(): { free: number; offers: number } {
    return { free: this.free(), offers: this.offers };
  }

  protected free(): number {
    return freeSlots({ slots: this.parts.slots, busy: this.busy, isDraining: this.isDraining, isPaused: false });
  }

  protected pairs(): AttemptPair[] {
    return Array.from(this.held.values(), ({ attempt, epoch }): AttemptPair => [attempt as AttemptPair[0], epoch]);
  }

  protected shortestLeaseMs(): number | undefined {
    let shortest: number | undefined;
    for (const { offer } of this.held.values()) {
      if (offer !== undefined && (shortest === undefined || offer.leaseMs < shortest)) shortest = offer.leaseMs;
    }
    return shortest;
  }

  /** An fdatasync: what was written before it began is on disk when it ends. */
  protected sync(then: () => void = () => undefined): void {
    const { random } = this.parts;
    const { length } = this.journal;
    const takesMs = random.chance(0.98) ? random.between(0.2, 3) : random.between(3, 3000);
    // One after the other, as one writer does it.
    this.syncedAtMs = Math.max(this.syncedAtMs, this.parts.world.nowMs + takesMs);
    this.process.after(this.syncedAtMs - this.parts.world.nowMs, () => {
      this.journal.syncedTo(length);
      then();
    });
  }

  protected ifUp(work: () => void): void {
    if (this.process.isUp) this.process.bind(work)();
  }
}
