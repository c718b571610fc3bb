// An agent that keeps the protocol's rules (docs/protocol.md, "Rules"), on simulated time. Admission, slots, waits between
// connections and the lease table are the product's own code; the rest follows `agent/src/connection/session.ts`,
// `execute/held-attempts.ts` and `report/reporter.ts`, line by line where a line matters.
import {
  idFromUuid,
  reportItemsMax,
  type AgentBody,
  type AgentFrameType,
  type AttemptPair,
  type ClockReading,
  type ControlFrame,
  type EventItem,
  type FinishItem,
  type InventoryItem,
  type Offer,
  type OfferedAttempt,
  type ReportAck,
  type ReportItem,
  type Verdict,
  type Welcome,
  noResources,
} from "@capstan/proto";
import { admit } from "../../agent/src/claim/admission.ts";
import { freeSlots } from "../../agent/src/claim/slots.ts";
import { reconnectDelayMs } from "../../agent/src/connection/backoff.ts";
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
  readonly connect: (agent: SimAgent) => Connection | undefined;
  /** Told of every acknowledged finish, for the check that it is kept. */
  readonly onAcknowledged: (attempt: string, epoch: number, result: string) => void;
}

interface Held {
  readonly attempt: string;
  readonly epoch: number;
  readonly offer: OfferedAttempt | undefined;
  phase: InventoryItem["phase"];
  startedMs: number | undefined;
  eventSeq: number;
  isCancelled: boolean;
  isAbandoned: boolean;
  isHandedOver: boolean;
  result: FinishItem | undefined;
}

const readingsKept = 16;
const startedHoldMs = 20;
/** A quarter of the shortest lease of any world. */
const leastBoundMs = 7500;

const keyOf = (item: { kind: string; attempt: string; epoch: number; seq?: number | undefined }): string =>
  `${item.attempt} ${item.epoch} ${item.kind} ${item.seq ?? 0}`;

export class SimAgent {
  readonly parts: AgentParts;
  readonly process: SimProcess;
  readonly journal = new SimJournal();
  isDraining = false;
  private held = new Map<string, Held>();
  private busy = 0;
  // The session.
  private connection: Connection | undefined;
  private phase: "none" | "opening" | "syncing" | "live" = "none";
  private sent = 0;
  private heardMs = 0;
  private readings = new Map<number, ClockReading>();
  private cancelled = new Set<string>();
  private n = 0;
  private acknowledged = 0;
  private offers = 0;
  private failures = 0;
  private heartbeatMs = 10_000;
  private connectedAtMs = 0;
  // The reporter.
  private unacknowledged = new Map<string, ReportItem>();
  private queue: ReportItem[] = [];
  private mustTellDemand = false;
  private isFlushAsked = false;
  private abandoning = new Map<string, () => void>();
  private dropHeartbeat: () => void = () => undefined;
  private nextBeatMs = 0;
  private syncedAtMs = 0;

  constructor(parts: AgentParts) {
    this.parts = parts;
    this.process = new SimProcess(parts.world);
  }

  get name(): string {
    return this.parts.host.name;
  }

  get heldCount(): number {
    return this.held.size;
  }

  /** For people who look at a failing seed. */
  get status(): string {
    const { isUp, isPaused } = this.process;
    return `${this.name} ${isUp ? (isPaused ? "paused" : "up") : "down"} ${this.phase} offers ${this.offers} held ${this.held.size} busy ${this.busy}`;
  }

  /** Starts the process: journal, living runners and exit records come together before any hello. */
  start(): void {
    const { host } = this.parts;
    this.process.start();
    this.held = new Map();
    this.busy = 0;
    this.unacknowledged = new Map();
    this.queue = [];
    this.abandoning = new Map();
    this.isDraining = false;
    this.isFlushAsked = false;
    this.phase = "none";
    this.connection = undefined;
    this.failures = 0;
    for (const known of this.journal.attempts.values()) {
      const held = newHeld(known.attempt, known.epoch);
      held.startedMs = known.startedMs;
      held.eventSeq = known.events.length;
      held.isHandedOver = true;
      this.held.set(known.attempt, held);
      this.busy++;
      for (const event of known.events) this.report(event);
      if (known.result !== undefined) this.settle(held, known.result);
    }
    for (const one of host.carried.values()) {
      const { attempt, epoch } = one.offer;
      let held = this.held.get(attempt);
      if (held === undefined) {
        this.journal.append({ t: "taken", attempt, epoch });
        held = newHeld(attempt, epoch);
        this.held.set(attempt, held);
        this.busy++;
      }
      held.isHandedOver = true;
      held.startedMs ??= one.startedAtMs;
      held.phase = one.stop !== undefined ? "stopping" : one.execution === undefined ? "taken" : "running";
    }
    for (const finish of [...host.exits.values()]) {
      const held = this.held.get(finish.attempt);
      if (held?.epoch === finish.epoch && held.result === undefined) this.finish(held, finish);
      else host.retire(finish.attempt);
    }
    for (const held of this.held.values()) {
      if (held.result === undefined && held.phase !== "finished" && !host.carried.has(held.attempt)) this.lost(held);
    }
    host.listener = {
      started: (attempt, atMs) => this.ifUp(() => this.onStarted(attempt, atMs)),
      stopping: (attempt) =>
        this.ifUp(() => {
          const held = this.held.get(attempt);
          if (held !== undefined && held.phase !== "finished") held.phase = "stopping";
        }),
      event: (attempt, seq) => this.ifUp(() => this.onEvent(attempt, seq)),
      done: (finish) => this.ifUp(() => this.onDone(finish)),
    };
    this.process.after(this.parts.random.between(0, 500), () => this.connect());
    this.watch();
  }

  kill(): void {
    this.process.kill();
    const { connection } = this;
    this.connection = undefined;
    this.phase = "none";
    connection?.close("agent", 1006);
  }

  /** The host lost power or restarted: the journal keeps what was synced. */
  loseHost(): void {
    this.kill();
    const { random } = this.parts;
    this.journal.lose((unsynced) => random.int(unsynced + 1));
  }

  /** The runner died: its attempts are lost, and their trees gone. */
  onRunnerLost(attempts: readonly string[]): void {
    this.ifUp(() => {
      for (const attempt of attempts) {
        const held = this.held.get(attempt);
        if (held !== undefined && held.phase !== "finished") this.lost(held);
      }
    });
  }

  /** No new work; what runs may end. */
  drain(): void {
    this.isDraining = true;
    if (this.phase === "live") this.frame("drain", { mode: "finish", reason: "the agent was asked to end" });
    this.tellDemand();
  }

  /** The network of this host works again, or otherwise. */
  networkChanged(): void {
    this.connection?.healed();
  }

  connectionBroken(): void {
    this.connection?.broken();
  }

  // Connections.

  private connect(): void {
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

  private onClosed(code: number): void {
    this.parts.world.count(`closed ${code}`);
    if (code === 4409) {
      this.parts.world.violate("I1", `${this.name} was told on its only connection that a newer one exists`);
    }
    this.endSession();
    this.retry(code === 4400 ? 60_000 : undefined);
  }

  private dead(reason: string, afterMs?: number): void {
    this.parts.world.trace("agent closes", this.name, reason);
    const { connection } = this;
    this.endSession();
    connection?.close("agent", 1000);
    this.retry(afterMs);
  }

  private endSession(): void {
    this.phase = "none";
    this.connection = undefined;
  }

  private retry(afterMs: number | undefined): void {
    const { world, random } = this.parts;
    if (world.nowMs - this.connectedAtMs > 60_000) this.failures = 0;
    this.failures++;
    const delayMs = afterMs ?? reconnectDelayMs(this.failures, this.shortestLeaseMs(), random.next());
    this.process.after(delayMs + random.between(1, 60), () => this.connect());
  }

  /** The watchdog of the connection. It looks once a second, and here not before the shortest of leases could ask for it. */
  private watch(): void {
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

  // Frames.

  private frame<T extends AgentFrameType>(t: T, b: AgentBody<T>, re?: number): void {
    const id = ++this.sent;
    this.connection?.send("up", JSON.stringify(re === undefined ? { t, id, b } : { t, id, re, b }));
  }

  private onText(text: string): void {
    this.heardMs = this.parts.world.nowMs;
    const frame = JSON.parse(text) as ControlFrame; // made by the product's own session
    switch (frame.t) {
      case "welcome":
        return this.onWelcome(frame.b);
      case "heartbeat.ack":
        for (const [attempt, epoch] of frame.b.unknown) this.abandon(attempt, epoch, () => undefined);
        for (const cancel of frame.b.cancels)
          this.onCancel(cancel.attempt, cancel.epoch, cancel.reason, cancel.graceMs);
        return this.onRenewed(frame.b.n);
      case "offer":
        return this.onOffer(frame.b);
      case "cancel":
        return this.onCancel(frame.b.attempt, frame.b.epoch, frame.b.reason, frame.b.graceMs, frame.id);
      case "report.ack":
        return this.onReportAck(frame.b);
      case "goaway":
        return this.dead("goaway", frame.b.reconnectInMs);
      case "error":
        if (frame.b.code === "hello_stale" && frame.b.last !== undefined) {
          this.parts.world.count("hello stale");
          this.journal.append({
            t: "connect",
            connectNo: Math.max(frame.b.last, this.journal.connectNo),
            incarnation: this.journal.incarnation,
          });
        } else if (frame.b.retryable === true) {
          this.process.after(frame.b.retryAfterMs ?? 1000, () => {
            if (this.phase === "live") this.resendAll();
          });
        } else {
          this.parts.world.violate("I14", `${this.name} was refused a frame: ${frame.b.code} ${frame.b.message}`);
        }
        return;
      default:
        return;
    }
  }

  private onWelcome(welcome: Welcome): void {
    if (this.phase !== "opening") return;
    this.phase = "syncing";
    const { connection } = this;
    this.heartbeatMs = welcome.heartbeatMs;
    this.journal.append({
      t: "connect",
      connectNo: this.journal.connectNo,
      incarnation: welcome.incarnation,
    });
    const abandoned = welcome.verdicts.filter((verdict) => verdict.do === "abandon");
    for (const verdict of welcome.verdicts) if (verdict.do !== "abandon") this.onVerdict(verdict);
    this.onRenewed(0);
    this.scheduleHeartbeat();
    let open = abandoned.length;
    const goLive = (): void => {
      if (this.connection !== connection || this.phase !== "syncing") return;
      this.phase = "live";
      this.frame("ready", { abandoned: abandoned.map(({ attempt, epoch }): AttemptPair => [attempt, epoch]) });
      this.frame("ask", this.demand());
      this.resendAll();
    };
    if (open === 0) return goLive();
    for (const { attempt, epoch } of abandoned) {
      this.abandon(attempt, epoch, () => {
        open--;
        if (open === 0) goLive();
      });
    }
  }

  private onVerdict(verdict: Verdict): void {
    const held = this.held.get(verdict.attempt);
    if (held === undefined || held.epoch !== verdict.epoch) return;
    if (verdict.do === "continue" && verdict.cancel !== undefined) {
      this.onCancel(verdict.attempt, verdict.epoch, verdict.cancel.reason, verdict.cancel.graceMs);
    } else if (verdict.do === "done") {
      this.forgetReports(held.attempt);
      if (held.phase === "finished") this.forget(held);
    }
  }

  private onRenewed(n: number): void {
    const reading = this.readings.get(n);
    if (reading === undefined || n < this.acknowledged) return;
    this.acknowledged = n;
    this.parts.host.renew(reading);
  }

  private scheduleHeartbeat(): void {
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

  private intervalMs(): number {
    return Math.min(this.heartbeatMs, (this.shortestLeaseMs() ?? Number.POSITIVE_INFINITY) / 6);
  }

  private beat(): void {
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

  private onOffer(offer: Offer): void {
    if (this.phase !== "live") return;
    const { host, world } = this.parts;
    const base = this.readings.get(offer.heartbeat);
    const now = host.clocks();
    let free = this.free();
    const admitted: { offer: OfferedAttempt; base: ClockReading }[] = [];
    for (const attempt of offer.attempts) {
      if (attempt.seq <= this.offers) continue;
      this.offers = attempt.seq;
      if (this.held.get(attempt.attempt)?.epoch === attempt.epoch) continue;
      const isCancelled = this.cancelled.delete(`${attempt.attempt} ${attempt.epoch}`);
      const admission = admit(attempt, {
        now,
        base,
        heartbeatMs: this.heartbeatMs,
        free,
        room: noResources,
        isStopping: this.isDraining,
        isDiskFull: false,
        isolation: ["L0"],
        isCancelled,
      });
      if (admission.kind === "start") {
        free -= attempt.resources?.slots ?? 1;
        admitted.push({ offer: attempt, base: admission.base });
        continue;
      }
      const { reason, detail, elsewhere } = admission;
      world.count(`reject ${reason}`);
      this.report({ kind: "reject", attempt: attempt.attempt, epoch: attempt.epoch, reason, detail, elsewhere });
    }
    for (const one of admitted) {
      const { attempt, epoch } = one.offer;
      this.journal.append({ t: "taken", attempt, epoch });
      this.held.set(attempt, newHeld(attempt, epoch, one.offer));
      this.busy++;
    }
    if (admitted.length > 0 && this.parts.world.nowMs + this.intervalMs() < this.nextBeatMs) this.scheduleHeartbeat();
    for (const one of admitted) {
      // A version that is not known here is fetched first; that may take as long as it wants.
      const { random } = this.parts;
      const fetchMs = random.chance(0.9)
        ? 0
        : random.chance(0.8)
          ? random.between(1, 500)
          : random.between(500, 90_000);
      if (fetchMs === 0) this.handOver(one.offer, one.base);
      else this.process.after(fetchMs, () => this.handOver(one.offer, one.base));
    }
  }

  private handOver(offer: OfferedAttempt, base: ClockReading): void {
    const held = this.held.get(offer.attempt);
    if (held?.phase !== "taken" || held.epoch !== offer.epoch) return;
    if (held.isCancelled) {
      this.finish(held, {
        kind: "finish",
        attempt: offer.attempt,
        epoch: offer.epoch,
        outcome: "cancelled",
        endedMs: Math.floor(this.parts.host.clocks().wallMs),
      });
      return;
    }
    held.isHandedOver = true;
    this.parts.host.take(offer, base);
  }

  private onCancel(
    attempt: string,
    epoch: number,
    reason: "cancelled" | "timeout",
    graceMs: number,
    re?: number,
  ): void {
    const held = this.held.get(attempt);
    const isKnown = held !== undefined && held.epoch === epoch;
    if (isKnown) {
      if (held.phase !== "finished" && !held.isCancelled) {
        held.isCancelled = true;
        if (held.isHandedOver) this.parts.host.cancel(attempt, reason, graceMs);
      }
    } else this.cancelled.add(`${attempt} ${epoch}`);
    const phase = isKnown ? held.phase : ("unknown" as const);
    // Ids come from a frame that the product's session has made.
    this.frame("cancel.ack", { attempt: attempt as AttemptPair[0], epoch, phase }, re);
  }

  /** Not ours: kill at once, say nothing more; `gone` when its tree is. */
  private abandon(attempt: string, epoch: number, gone: () => void): void {
    const held = this.held.get(attempt);
    if (held === undefined || held.epoch !== epoch) return gone();
    held.isAbandoned = true;
    this.forgetReports(attempt);
    if (held.phase === "finished") {
      this.forget(held);
      return gone();
    }
    this.abandoning.set(attempt, gone);
    held.isCancelled = true;
    if (held.isHandedOver) this.parts.host.cancel(attempt, "abandoned", 0);
  }

  // What the runner tells.

  private onStarted(attempt: string, atMs: number): void {
    const held = this.held.get(attempt);
    if (held === undefined || held.startedMs !== undefined) return;
    held.startedMs = atMs;
    if (held.phase === "taken") held.phase = "running";
    this.journal.append({ t: "started", attempt, epoch: held.epoch, atMs });
    if (held.isAbandoned) return;
    const item = { kind: "started" as const, attempt: attempt as AttemptPair[0], epoch: held.epoch, atMs };
    // Left out where the end is there by then.
    this.process.after(startedHoldMs, () => {
      if (this.held.get(attempt) === held && held.result === undefined && !held.isAbandoned) this.report(item);
    });
  }

  private onEvent(attempt: string, seq: number): void {
    const held = this.held.get(attempt);
    if (held === undefined || held.isAbandoned || seq <= held.eventSeq) return;
    held.eventSeq = seq;
    const item: EventItem = {
      kind: "event",
      attempt: attempt as AttemptPair[0],
      epoch: held.epoch,
      seq,
      atMs: Math.floor(this.parts.host.clocks().wallMs),
      type: "progress",
      body: { n: seq },
    };
    this.journal.append({ t: "event", item });
    this.sync(() => this.report(item));
  }

  private onDone(finish: FinishItem): void {
    const held = this.held.get(finish.attempt);
    if (held === undefined || held.epoch !== finish.epoch) return this.parts.host.retire(finish.attempt);
    if (held.result === undefined && held.phase !== "finished") this.finish(held, finish);
  }

  private lost(held: Held): void {
    this.finish(held, {
      kind: "finish",
      attempt: held.attempt as AttemptPair[0],
      epoch: held.epoch,
      outcome: "lost",
      cause: "runner_lost",
      mayHaveStarted: true,
      endedMs: Math.floor(this.parts.host.clocks().wallMs),
      ...(held.startedMs === undefined ? {} : { startedMs: held.startedMs }),
    });
  }

  /** E2: a result is on disk before it is reported, and the runner forgets it only then. */
  private finish(held: Held, finish: FinishItem): void {
    if (held.phase === "finished") return;
    held.phase = "finished";
    this.busy--;
    const gone = this.abandoning.get(held.attempt);
    this.abandoning.delete(held.attempt);
    if (held.isAbandoned) {
      this.parts.host.retire(held.attempt);
      this.forget(held);
    } else {
      held.result = finish;
      this.journal.append({ t: "result", item: finish });
      this.sync(() => {
        this.parts.host.retire(held.attempt);
        this.report(finish);
      });
    }
    this.tellDemand();
    gone?.();
  }

  /** A result that the journal already has. */
  private settle(held: Held, finish: FinishItem): void {
    held.phase = "finished";
    held.result = finish;
    this.busy--;
    this.report(finish);
  }

  private forget(held: Held): void {
    if (this.held.get(held.attempt) !== held) return;
    this.held.delete(held.attempt);
    this.journal.append({ t: "forgotten", attempt: held.attempt, epoch: held.epoch });
  }

  // Reports.

  private report(item: ReportItem): void {
    this.unacknowledged.set(keyOf(item), item);
    this.queue.push(item);
    this.askFlush();
  }

  private tellDemand(): void {
    this.mustTellDemand = true;
    this.askFlush();
  }

  private resendAll(): void {
    this.queue = [...this.unacknowledged.values()];
    this.mustTellDemand = true;
    this.askFlush();
  }

  private forgetReports(attempt: string): void {
    for (const [key, item] of this.unacknowledged) if (item.attempt === attempt) this.unacknowledged.delete(key);
    this.queue = this.queue.filter((item) => item.attempt !== attempt);
  }

  private askFlush(): void {
    if (this.isFlushAsked) return;
    this.isFlushAsked = true;
    this.process.after(0, () => {
      this.isFlushAsked = false;
      // Without a session nothing is lost: everything goes again when one is live.
      if (this.phase !== "live" || (this.queue.length === 0 && !this.mustTellDemand)) return;
      const items = this.queue;
      this.queue = [];
      this.mustTellDemand = false;
      if (items.length === 0) this.frame("ask", this.demand());
      for (let at = 0; at < items.length; at += reportItemsMax) {
        this.frame("report", { items: items.slice(at, at + reportItemsMax), ...this.demand() });
      }
    });
  }

  private onReportAck(ack: ReportAck): void {
    for (const result of ack.items) {
      const key = keyOf(result);
      const item = this.unacknowledged.get(key);
      if (item === undefined) continue;
      if (result.result === "expect") {
        const from = result.expectSeq ?? 1;
        for (const other of this.unacknowledged.values()) {
          if (other.kind === "event" && other.attempt === item.attempt && other.seq >= from) this.queue.push(other);
        }
        this.askFlush();
        continue;
      }
      this.unacknowledged.delete(key);
      if (item.kind !== "finish") continue;
      this.parts.onAcknowledged(item.attempt, item.epoch, result.result);
      const held = this.held.get(item.attempt);
      if (held !== undefined && held.epoch === item.epoch) this.forget(held);
    }
  }

  // Small things.

  private demand(): { free: number; offers: number } {
    return { free: this.free(), offers: this.offers };
  }

  private free(): number {
    return freeSlots({ slots: this.parts.slots, busy: this.busy, isDraining: this.isDraining, isPaused: false });
  }

  private pairs(): AttemptPair[] {
    return Array.from(this.held.values(), ({ attempt, epoch }): AttemptPair => [attempt as AttemptPair[0], epoch]);
  }

  private shortestLeaseMs(): number | undefined {
    let shortest: number | undefined;
    for (const { offer } of this.held.values()) {
      if (offer !== undefined && (shortest === undefined || offer.leaseMs < shortest)) shortest = offer.leaseMs;
    }
    return shortest;
  }

  /** An fdatasync: what was written before it began is on disk when it ends. */
  private sync(then: () => void = () => undefined): void {
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

  private ifUp(work: () => void): void {
    if (this.process.isUp) this.process.bind(work)();
  }
}

const newHeld = (attempt: string, epoch: number, offer?: OfferedAttempt): Held => ({
  attempt,
  epoch,
  offer,
  phase: "taken",
  startedMs: undefined,
  eventSeq: 0,
  isCancelled: false,
  isAbandoned: false,
  isHandedOver: false,
  result: undefined,
});

const inventoryItemOf = (held: Held): InventoryItem => ({
  attempt: held.attempt as AttemptPair[0],
  epoch: held.epoch,
  phase: held.phase,
  ...(held.startedMs === undefined ? {} : { startedMs: held.startedMs }),
  eventSeq: held.eventSeq,
  producedBytes: 0,
});
