// One session after another: hello, verdicts, ready, heartbeats, offers (docs/protocol.md, "Messages" and "Rules").
//  L1. S(n) is read before heartbeat n is handed to the socket.
//  L3. An offer starts only if it came on the current connection, its number is new, and S(n) is young enough.
//  L4. An acknowledged S(m) goes to the runners at once; what the answer disowns is killed before.
//  L6. Composing a hello ends the reading of every older connection: the supervisor drops their frames.
import { cpus, freemem } from "node:os";
import { statfsSync } from "node:fs";
import {
  noResources,
  oneSlot,
  plusTakes,
  type AgentBody,
  type AttemptPair,
  type Cancel,
  type ClockReading,
  type ControlFrame,
  type Offer,
  type OfferedAttempt,
  type RejectReason,
  type Resources,
  type SessionConfig,
  type Welcome,
} from "@capstan/proto";
import { readClocks } from "../runner/clock.ts";
import type { Connection } from "./connection.ts";

/** What the session knows about the moment of an offer. */
export interface OfferMoment {
  readonly now: ClockReading;
  /** S(n) of the heartbeat that the offer names, where this session sent it. */
  readonly base: ClockReading | undefined;
  readonly heartbeatMs: number;
  readonly free: number;
  /** What the host has left beside slots. */
  readonly room: Resources;
  readonly isDiskFull: boolean;
  readonly isCancelled: boolean;
}
export type OfferDecision =
  | { readonly kind: "start"; readonly base: ClockReading }
  | { readonly kind: "reject"; readonly reason: RejectReason; readonly detail: string; readonly elsewhere: boolean };

export interface SessionWork {
  readonly admit: (offer: OfferedAttempt, moment: OfferMoment) => OfferDecision;
  readonly inventory: () => AgentBody<"hello">["inventory"];
  readonly pairs: () => AttemptPair[];
  readonly shortestLeaseMs: () => number | undefined;
  readonly has: (attempt: string, epoch: number) => boolean;
  readonly take: (offers: readonly { offer: OfferedAttempt; base: ClockReading }[]) => void;
  readonly reject: (item: Extract<AgentBody<"report">["items"][number], { kind: "reject" }>) => void;
  readonly cancel: (cancel: Cancel) => AgentBody<"cancel.ack">["phase"];
  readonly abandon: (attempt: string, epoch: number) => Promise<void>;
  readonly verdict: (verdict: Welcome["verdicts"][number]) => void;
  readonly renew: (base: ClockReading) => void;
  readonly watch: (attempts: readonly string[]) => void;
  readonly setLive: (isLive: boolean) => void;
  /** Reports without an answer go again, in this session. */
  readonly repeat: () => void;
  readonly setConfig: (config: Partial<SessionConfig>) => void;
  readonly free: () => number;
  /** What the host has left beside slots; undefined: all that the hello tells. */
  readonly left: () => Resources | undefined;
  readonly slots: () => number;
  readonly isStopping: () => boolean;
}

export interface SessionOptions {
  readonly dataDir: string;
  readonly work: SessionWork;
  /** The parts of hello that do not change while the agent runs. */
  readonly about: Omit<AgentBody<"hello">, "connectNo" | "incarnation" | "inventory" | "more" | "free" | "slots">;
  readonly nextConnectNo: () => { connectNo: number; incarnation: number };
  readonly raiseConnectNo: (last: number) => void;
  readonly onWelcome: (welcome: Welcome) => void;
  readonly onDead: (reason: string, afterMs?: number) => void;
  readonly log: (text: string, detail?: object) => void;
}

const readingsKept = 16;
const inventoryPage = 500;
const diskRefuse = 0.05;
/** After a refusal that is for the moment only, where the control plane names no time. */
const repeatAfterMs = 1000;

export class Session {
  readonly #options: SessionOptions;
  readonly #connection: Connection;
  readonly #readings = new Map<number, ClockReading>();
  readonly #cancelled = new Set<string>();
  #phase: "opening" | "syncing" | "live" | "ended" = "opening";
  #heartbeatMs = 10_000;
  #n = 0;
  #acknowledged = 0;
  #offers = 0;
  #timer: NodeJS.Timeout | undefined;
  #repeatTimer: NodeJS.Timeout | undefined;
  #lagFrom = performance.now();
  #tickMs = performance.now();
  readonly #watchdog: NodeJS.Timeout;

  constructor(connection: Connection, options: SessionOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#watchdog = setInterval(() => this.#checkSilence(), 250);
    const { work, about } = options;
    const items = work.inventory();
    this.#readings.set(0, readClocks());
    connection.send("hello", {
      ...about,
      ...options.nextConnectNo(),
      slots: work.slots(),
      free: work.free(),
      inventory: items.slice(0, inventoryPage),
      more: items.length > inventoryPage,
    });
    for (let at = inventoryPage; at < items.length; at += inventoryPage) {
      const page = items.slice(at, at + inventoryPage);
      connection.send("inventory", { items: page, more: at + inventoryPage < items.length });
    }
  }

  get isLive(): boolean {
    return this.#phase === "live";
  }
  get demand(): AgentBody<"ask"> {
    const { work } = this.#options;
    const resources = work.left();
    return { free: work.free(), offers: this.#offers, ...(resources === undefined ? {} : { resources }) };
  }

  end(): void {
    this.#phase = "ended";
    clearTimeout(this.#timer);
    clearTimeout(this.#repeatTimer);
    clearInterval(this.#watchdog);
    this.#options.work.setLive(false);
  }

  onFrame(frame: ControlFrame): void {
    if (this.#phase === "ended") return;
    const { work } = this.#options;
    switch (frame.t) {
      case "welcome":
        void this.#onWelcome(frame.b);
        return;
      case "verdicts":
        for (const verdict of frame.b.items) {
          if (verdict.do === "abandon") void work.abandon(verdict.attempt, verdict.epoch);
          else work.verdict(verdict);
        }
        return;
      case "heartbeat.ack":
        for (const [attempt, epoch] of frame.b.unknown) void work.abandon(attempt, epoch);
        for (const cancel of frame.b.cancels) this.#onCancel(cancel);
        this.#onRenewed(frame.b.n);
        work.watch(frame.b.watch);
        return;
      case "offer":
        this.#onOffer(frame.b);
        return;
      case "cancel":
        this.#onCancel(frame.b, frame.id);
        return;
      case "config":
        if (frame.b.heartbeatMs !== undefined) this.#heartbeatMs = frame.b.heartbeatMs;
        if (frame.b.config !== undefined) work.setConfig(frame.b.config as Partial<SessionConfig>); // absent keys stay absent
        return;
      case "goaway":
        this.#options.onDead(`goaway: ${frame.b.reason}`, frame.b.reconnectInMs);
        return;
      case "error":
        if (frame.b.code === "hello_stale" && frame.b.last !== undefined) this.#options.raiseConnectNo(frame.b.last);
        this.#options.log("the control plane refused a frame", { ...frame.b, re: frame.re });
        if (frame.b.retryable === true) this.#repeatLater(frame.b.retryAfterMs ?? repeatAfterMs);
        return;
      case "report.ack":
      case "log.ack":
      case "log.nack":
      case "drain":
      case "drain.ack":
      case "bye.ack":
      case "confirm.ack":
      case "token.ack":
        return; // routed by the agent
    }
  }

  /** Says again all that has no answer yet. Which frame was refused does not matter: what did arrive changes nothing twice. */
  #repeatLater(afterMs: number): void {
    if (this.#repeatTimer !== undefined) return;
    this.#repeatTimer = setTimeout(() => {
      this.#repeatTimer = undefined;
      if (this.#phase === "live") this.#options.work.repeat();
    }, afterMs);
  }

  async #onWelcome(welcome: Welcome): Promise<void> {
    if (this.#phase !== "opening") return;
    this.#phase = "syncing";
    const { work } = this.#options;
    this.#heartbeatMs = welcome.heartbeatMs;
    work.setConfig(welcome.config);
    this.#options.onWelcome(welcome);
    const abandoned = welcome.verdicts.filter((verdict) => verdict.do === "abandon");
    for (const verdict of welcome.verdicts) if (verdict.do !== "abandon") work.verdict(verdict);
    // Heartbeats begin now: a slow kill must not cost the leases of the others.
    this.#onRenewed(0);
    this.#scheduleHeartbeat();
    await Promise.all(abandoned.map(({ attempt, epoch }) => work.abandon(attempt, epoch)));
    // `end` may have come during the wait, which the compiler cannot see.
    if ((this.#phase as string) === "ended") return;
    this.#phase = "live";
    this.#connection.send("ready", { abandoned: abandoned.map(({ attempt, epoch }): AttemptPair => [attempt, epoch]) });
    this.#connection.send("ask", this.demand);
    work.setLive(true);
  }

  #onOffer(offer: Offer): void {
    if (this.#phase !== "live") return;
    const { work } = this.#options;
    const base = this.#readings.get(offer.heartbeat);
    const now = readClocks();
    const isDiskFull = this.#freeShare().disk < diskRefuse;
    let free = work.free();
    let room = work.left() ?? this.#options.about.resources ?? noResources;
    const admitted: { offer: OfferedAttempt; base: ClockReading }[] = [];
    for (const attempt of offer.attempts) {
      // Each number is decided once; a doubled offer changes nothing.
      if (attempt.seq <= this.#offers) continue;
      this.#offers = attempt.seq;
      if (work.has(attempt.attempt, attempt.epoch)) continue;
      const key = `${attempt.attempt} ${attempt.epoch}`;
      const isCancelled = this.#cancelled.delete(key);
      const admission = work.admit(attempt, {
        now,
        base,
        heartbeatMs: this.#heartbeatMs,
        free,
        room,
        isDiskFull,
        isCancelled,
      });
      if (admission.kind === "start") {
        const { slots, ...takes } = attempt.resources ?? oneSlot;
        free -= slots;
        room = plusTakes(room, takes, -1);
        admitted.push({ offer: attempt, base: admission.base });
      } else {
        const { reason, detail, elsewhere } = admission;
        work.reject({ kind: "reject", attempt: attempt.attempt, epoch: attempt.epoch, reason, detail, elsewhere });
      }
    }
    if (admitted.length === 0) return;
    work.take(admitted);
    // A shorter lease asks for earlier heartbeats, also for the one that is waited for: silence is judged by it at once.
    if (performance.now() + this.#intervalMs() < this.#lagFrom) this.#scheduleHeartbeat();
  }

  #onCancel(cancel: Cancel, re?: number): void {
    const phase = this.#options.work.cancel(cancel);
    if (phase === "unknown" && this.#cancelled.size < 10_000) this.#cancelled.add(`${cancel.attempt} ${cancel.epoch}`);
    this.#connection.send("cancel.ack", { attempt: cancel.attempt, epoch: cancel.epoch, phase }, re);
  }

  #onRenewed(n: number): void {
    const reading = this.#readings.get(n);
    if (reading === undefined || n < this.#acknowledged) return;
    this.#acknowledged = n;
    this.#options.work.renew(reading);
  }

  #intervalMs(): number {
    return Math.min(this.#heartbeatMs, (this.#options.work.shortestLeaseMs() ?? Infinity) / 6);
  }

  #scheduleHeartbeat(): void {
    clearTimeout(this.#timer);
    const interval = this.#intervalMs();
    this.#lagFrom = performance.now() + interval;
    this.#timer = setTimeout(() => this.#beat(), interval);
  }

  #beat(): void {
    const { work } = this.#options;
    const lag = Math.max(0, Math.round(performance.now() - this.#lagFrom));
    const share = this.#freeShare();
    this.#readings.set(++this.#n, readClocks());
    this.#readings.delete(this.#n - readingsKept);
    this.#connection.send("heartbeat", {
      n: this.#n,
      held: work.pairs(),
      ...this.demand,
      ...(work.isStopping() ? { paused: "draining" as const } : {}),
      loopLagMs: lag,
      tickAgeMs: Math.round(performance.now() - this.#tickMs),
      cpu: loadShare(),
      memFreeBytes: freemem(),
      diskFree: share.disk,
      inodesFree: share.inodes,
      spoolBytes: 0,
    });
    this.#scheduleHeartbeat();
  }

  #checkSilence(): void {
    this.#tickMs = performance.now();
    const bound =
      this.#phase === "opening"
        ? 10_000
        : Math.min(3 * this.#heartbeatMs, (this.#options.work.shortestLeaseMs() ?? Infinity) / 4);
    if (this.#connection.silentMs > bound)
      this.#options.onDead(`nothing heard for ${Math.round(this.#connection.silentMs)} ms`);
  }

  #share = { disk: 1, inodes: 1, atMs: -Infinity };
  #freeShare(): { readonly disk: number; readonly inodes: number } {
    if (performance.now() - this.#share.atMs < 5000) return this.#share;
    try {
      const { bavail, blocks, ffree, files } = statfsSync(this.#options.dataDir);
      this.#share = {
        disk: blocks === 0 ? 1 : bavail / blocks,
        inodes: files === 0 ? 1 : ffree / files,
        atMs: performance.now(),
      };
    } catch {
      this.#share = { disk: 1, inodes: 1, atMs: performance.now() };
    }
    return this.#share;
  }
}

let lastTimes = { busy: 0, all: 0 };
/** Load of the processors since the last call, 0 to 1. */
function loadShare(): number {
  let busy = 0;
  let all = 0;
  for (const { times } of cpus()) {
    const sum = times.user + times.nice + times.sys + times.idle + times.irq;
    all += sum;
    busy += sum - times.idle;
  }
  const share = all === lastTimes.all ? 0 : (busy - lastTimes.busy) / (all - lastTimes.all);
  lastTimes = { busy, all };
  return Math.min(1, Math.max(0, share));
}
