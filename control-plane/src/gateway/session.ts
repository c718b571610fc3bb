// One connection of one agent: opening → syncing → live → closed.
//  P1. Nothing is applied before a hello was accepted, and no offer leaves before `ready`.
//  P2. Ids count 1, 2, 3 …; anything else, broken JSON, a second hello: close 4400, nothing applied.
//  P3. Frames are handled in the order they came; while a hello is decided the socket is not read.
//  P4. `heartbeat.ack` follows the commit of the renewal, `report.ack` that of the report.
//  P5. Freshness counts from before the renewal was handed over, so it is never younger here than in the row.
import {
  closeCodes,
  decodeFrame,
  decodeLogFrame,
  logFrameKind,
  offerAttemptsMax,
  otlpFrameKind,
  type AgentBody,
  type AgentFrame,
  type ControlBody,
  type ControlFrameType,
  type Takes,
  type Resources,
} from "@capstan/proto";
import type { OfferedAttempt } from "../dispatch/sessions.ts";
import type { LogSource } from "../log/log-source.ts";
import type { AgentIdentity } from "./agent-identity.ts";
import { Cancels, type CancelOrder } from "./cancels.ts";
import { InboundRate } from "./inbound-rate.ts";
import type { PlacedAgent } from "./placed-agent.ts";
import type { Link, SessionServices, SessionSettings } from "./services.ts";
import type { OfferingSession } from "./session-registry.ts";
import { SlotLedger } from "./slot-ledger.ts";
import { wireAttempt } from "./wire-offer.ts";

export type SessionPhase = "opening" | "greeting" | "syncing" | "live" | "closed";

const helloMs = 10_000;
const readyMs = 120_000;
const silentMs = 30_000;
const unsentBytesMax = 4 * 1024 * 1024;
const promiseMs = 60_000;
const faultsMax = 10;
const faultWindowMs = 60_000;
const lastGoodbyeMs = 60_000;

const notPlaced: PlacedAgent = {
  projectId: "",
  poolId: "",
  name: "",
  labels: {},
  executors: [],
  slots: 0,
  pinned: {},
  allowData: undefined,
  resources: undefined,
};

/** What becomes of a frame that is whole and in order (`route.ts`). */
export type FrameHandler = (session: AgentSession, frame: AgentFrame) => void;

export class AgentSession implements OfferingSession, LogSource {
  readonly identity: AgentIdentity;
  readonly services: SessionServices;
  readonly settings: SessionSettings;
  readonly cancels = new Cancels();
  phase: SessionPhase = "opening";
  /** Number of this session; 0 before the welcome. */
  session = 0;
  placed: PlacedAgent = notPlaced;
  /** State of the agent's row as last seen; offers are made only to `active` ones. */
  state: string;
  paused = false;
  lastHeartbeat = 0;
  /** Whether something held took of the host when the agent spoke last. */
  private countsResources = false;
  /** Key of `held` that was compared last, and when. */
  comparedHeld = "";
  comparedAtMs = Number.NEGATIVE_INFINITY;

  private readonly link: Link;
  private readonly clock: () => number;
  private readonly random: () => number;
  private readonly ledger = new SlotLedger<OfferedAttempt>();
  private readonly ready: OfferedAttempt[] = [];
  private readonly rate: InboundRate;
  private readonly openedMs: number;
  private phaseSinceMs: number;
  private readonly handle: FrameHandler;
  private heardMs: number;
  private renewedMs = Number.NEGATIVE_INFINITY;
  private received = 0;
  private sent = 0;
  private faults: number[] = [];
  private unknowns: number[] = [];
  private goawayMs: number | undefined;
  private readonly goawayAfterMs: number;
  private promiseSinceMs: number | undefined;
  private slow = false;

  constructor(
    identity: AgentIdentity,
    link: Link,
    services: SessionServices,
    settings: SessionSettings,
    handle: FrameHandler,
    clock: () => number = () => performance.now(),
    random: () => number = Math.random,
  ) {
    this.identity = identity;
    this.link = link;
    this.services = services;
    this.settings = settings;
    this.handle = handle;
    this.state = identity.state;
    this.clock = clock;
    this.random = random;
    const nowMs = clock();
    this.openedMs = nowMs;
    this.phaseSinceMs = nowMs;
    this.heardMs = nowMs;
    this.rate = new InboundRate(nowMs);
    this.goawayAfterMs = settings.ageMs * (0.8 + 0.4 * random());
  }

  get agentId(): string {
    return this.identity.agentId;
  }

  get projectId(): string {
    return this.identity.projectId;
  }

  get available(): number {
    return this.ledger.available;
  }

  get room(): Resources {
    return this.ledger.room;
  }

  get decidedOffers(): number {
    return this.ledger.decided;
  }

  nowMs(): number {
    return this.clock();
  }

  // From the socket.

  onText(text: string): void {
    if (this.phase === "closed") return;
    this.heard();
    const decoded = decodeFrame(text, "agent");
    if (decoded.kind === "broken") return this.close(closeCodes.protocolError, decoded.detail);
    const id = decoded.kind === "frame" ? decoded.frame.id : decoded.id;
    if (id !== ++this.received)
      return this.close(closeCodes.protocolError, `frame ${id} where ${this.received} was next`);
    if (decoded.kind === "unsupported") {
      if (this.phase === "opening") return this.close(closeCodes.protocolError, "a frame before hello");
      return this.send("error", { code: "unsupported", message: `this server does not know ${decoded.t}` }, id);
    }
    if (decoded.kind === "malformed") {
      if (decoded.t === "hello") return this.close(closeCodes.protocolError, `hello${decoded.path}: ${decoded.detail}`);
      return this.malformed(id, decoded.path, decoded.detail);
    }
    for (const item of decoded.refused) this.malformed(id, item.path, "an item breaks its schema");
    this.handle(this, decoded.frame);
  }

  onBinary(bytes: Buffer): void {
    if (this.phase === "closed") return;
    this.heard();
    if (this.phase !== "syncing" && this.phase !== "live")
      return this.close(closeCodes.protocolError, "a frame before hello");
    if (bytes[0] === logFrameKind) {
      const frame = decodeLogFrame(bytes);
      if (frame === undefined) return this.close(closeCodes.protocolError, "a log frame breaks its form");
      this.services.logs.append(this, frame);
    } else if (bytes[0] !== otlpFrameKind || !this.services.traces.append(this, bytes)) {
      this.close(closeCodes.protocolError, "a binary frame of no known form");
    }
  }

  onClosed(): void {
    if (this.phase === "closed") return;
    this.end("closed");
  }

  /** Called about once a second: deadlines of the phases, silence, age, pressure. */
  tick(): void {
    if (this.phase === "closed") return;
    const nowMs = this.clock();
    if (this.slow && this.rate.refill(nowMs)) {
      this.slow = false;
      if (this.phase !== "greeting") this.link.resume();
    } else if (!this.slow) this.rate.refill(nowMs);
    if (this.phase === "opening" && nowMs - this.phaseSinceMs > helloMs)
      return this.close(closeCodes.protocolError, "no hello within 10 s");
    if (this.phase === "syncing" && nowMs - this.phaseSinceMs > readyMs) return this.dead("not ready within 120 s");
    // A socket that we do not read ourselves is not silent.
    if (nowMs - this.heardMs > silentMs && !this.slow && this.phase !== "greeting")
      return this.dead("nothing heard for 30 s");
    if (this.link.bufferedBytes > unsentBytesMax) return this.close(closeCodes.tryLater, "too much is unsent");
    if (!this.ledger.hasOpenPromise) this.promiseSinceMs = undefined;
    else if (this.promiseSinceMs === undefined) this.promiseSinceMs = nowMs;
    else if (nowMs - this.promiseSinceMs > promiseMs) {
      this.services.log.error(
        { component: "gateway", agent: this.identity.name },
        "a promised slot was neither used nor given back",
      );
      return this.close(closeCodes.restart, "start over");
    }
    if (this.goawayMs === undefined && nowMs - this.openedMs > this.goawayAfterMs && this.phase === "live") {
      this.goAway("the session is an hour old");
    } else if (this.goawayMs !== undefined && nowMs - this.goawayMs > lastGoodbyeMs)
      this.close(closeCodes.goingAway, "replaced");
  }

  // For handlers.

  send<T extends ControlFrameType>(t: T, b: ControlBody<T>, re?: number): void {
    if (this.phase === "closed") return;
    const id = ++this.sent;
    this.link.send(JSON.stringify(re === undefined ? { t, id, b } : { t, id, re, b }));
  }

  /** Stops reading while a hello is decided (P3). */
  beginGreeting(): void {
    this.enterPhase("greeting");
    this.link.pause();
  }

  welcomed(session: number, placed: PlacedAgent, state: string, renewedMs: number): void {
    this.session = session;
    this.placed = placed;
    this.state = state;
    this.renewedMs = renewedMs;
    this.enterPhase("syncing");
    if (!this.slow) this.link.resume();
  }

  goLive(): void {
    this.enterPhase("live");
    this.services.inventory.setState(this.identity, this.session, "live");
    this.services.registry.enter(this);
  }

  renewed(heartbeat: number, beforeMs: number): void {
    this.lastHeartbeat = Math.max(this.lastHeartbeat, heartbeat);
    const wasStale = !this.accepts(0, beforeMs);
    this.renewedMs = Math.max(this.renewedMs, beforeMs);
    if (wasStale || this.available > 0) this.services.registry.grew();
  }

  /** The agent's own statement of its slots, and of what its host has left; without that, all is. */
  stated({ free, offers, resources }: AgentBody<"ask">): void {
    const before = this.ledger.available;
    const room =
      resources === undefined ? this.placed.resources : { ...resources, diskBytes: resources.diskBytes ?? 0 };
    this.ledger.state(free, offers, room);
    // What takes of the host may fit now where the slots were free all the while.
    const grew = this.ledger.available > before || this.countsResources;
    this.countsResources = resources !== undefined;
    if (grew && this.phase === "live") this.services.registry.grew();
  }

  malformed(re: number, path: string, detail: string): void {
    this.send("error", { code: "malformed", message: detail, path }, re);
    this.faults = this.recent(this.faults);
    if (this.faults.length >= faultsMax) this.close(closeCodes.protocolError, "too many malformed frames");
  }

  /** An attempt that is not this agent's: one answer whether it exists or not; three in a minute end the connection. */
  unknownAttempt(re: number | undefined, frame: string): void {
    this.send("error", { code: "protocol_error", message: `${frame} names an attempt that is not this agent's` }, re);
    this.services.log.warn(
      { component: "gateway", agent: this.identity.name, session: this.session, frame },
      "foreign attempt named",
    );
    this.services.inventory.foreign(this.identity, frame);
    this.unknowns = this.recent(this.unknowns);
    if (this.unknowns.length >= 3) this.close(closeCodes.protocolError, "attempts of others");
  }

  internal(re: number, error: unknown): void {
    this.services.log.warn(
      { component: "gateway", agent: this.identity.name, session: this.session, err: error },
      "frame not applied",
    );
    this.send(
      "error",
      { code: "internal", message: "not applied now; send it again", retryable: true, retryAfterMs: 1000 },
      re,
    );
  }

  close(code: number, reason: string): void {
    if (this.phase === "closed") return;
    this.end("closed");
    // A socket that is not read would never see the other side's half of the close.
    this.link.resume();
    this.link.close(code, reason);
  }

  goAway(reason: string): void {
    if (this.phase === "closed" || this.goawayMs !== undefined) return;
    this.goawayMs = this.clock();
    this.send("goaway", { reconnectInMs: Math.floor(this.random() * 10_000), reason });
  }

  // As the registry sees it.

  accepts(leaseMs: number, nowMs: number): boolean {
    if (this.phase !== "live" || this.state !== "active" || this.paused || this.goawayMs !== undefined) return false;
    return (
      nowMs - this.renewedMs <=
      Math.min(2 * this.settings.heartbeatMs, leaseMs > 0 ? leaseMs / 5 : Number.POSITIVE_INFINITY)
    );
  }

  take(weight: number, takes?: Takes): number | undefined {
    return this.ledger.take(weight, takes);
  }

  giveBack(seq: number): void {
    this.ledger.giveBack(seq, this.ready);
    if (this.ready.length > 0) this.services.registry.touch(this);
  }

  offer(seq: number, attempt: OfferedAttempt): void {
    this.ledger.offer(seq, attempt, this.ready);
    if (this.ready.length > 0) this.services.registry.touch(this);
  }

  flush(): void {
    for (let at = 0; at < this.ready.length; at += offerAttemptsMax) {
      const attempts = this.ready.slice(at, at + offerAttemptsMax).map(wireAttempt);
      this.sendOffers(attempts);
    }
    this.ready.length = 0;
  }

  cancel(order: CancelOrder): void {
    this.send("cancel", this.cancels.add(order));
  }

  supersede(): void {
    this.close(closeCodes.superseded, "a newer session of this agent");
  }

  // As log ingest sees it.

  logAck(body: ControlBody<"log.ack">): void {
    this.send("log.ack", body);
  }

  logNack(body: ControlBody<"log.nack">): void {
    this.send("log.nack", body);
  }

  unknownLog(): void {
    this.unknownAttempt(undefined, "log");
  }

  private sendOffers(attempts: ControlBody<"offer">["attempts"]): void {
    if (attempts.length === 0) return;
    const heartbeat = this.lastHeartbeat;
    const text = JSON.stringify({ t: "offer", id: this.sent + 1, b: { heartbeat, attempts } });
    // Inputs may be large; a frame has 1 MiB, so a batch that is too long is cut in two.
    if (text.length > 512 * 1024 && attempts.length > 1) {
      const half = Math.ceil(attempts.length / 2);
      this.sendOffers(attempts.slice(0, half));
      this.sendOffers(attempts.slice(half));
      return;
    }
    if (this.phase === "closed") return;
    this.sent++;
    this.link.send(text);
  }

  private heard(): void {
    this.heardMs = this.clock();
    if (!this.rate.count() && !this.slow) {
      this.slow = true;
      this.link.pause();
    }
  }

  private dead(reason: string): void {
    if (this.phase === "closed") return;
    this.end("dead");
    this.link.resume();
    this.link.close(closeCodes.silent, reason);
  }

  private end(state: "closed" | "dead"): void {
    this.enterPhase("closed");
    this.services.registry.leave(this);
    this.services.logs.sourceClosed(this);
    if (this.session > 0) this.services.inventory.setState(this.identity, this.session, state);
  }

  private enterPhase(phase: SessionPhase): void {
    this.phase = phase;
    this.phaseSinceMs = this.clock();
  }

  private recent(times: readonly number[]): number[] {
    const nowMs = this.clock();
    return [...times.filter((time) => nowMs - time < faultWindowMs), nowMs];
  }
}
