// An agent that keeps the protocol's rules (docs/protocol.md, "Rules"), on simulated time. Admission, slots, waits between
// connections and the lease table are the product's own code; the rest follows `agent/src/connection/session.ts`,
// `execute/held-attempts.ts` and `report/reporter.ts`, line by line where a line matters.
import {
  type AttemptPair,
  type ClockReading,
  type ControlFrame,
  type EventItem,
  type FinishItem,
  type Offer,
  type OfferedAttempt,
  type Verdict,
  type Welcome,
  noResources,
} from "@capstan/proto";
import { admit } from "../../agent/src/claim/admission.ts";
import { newHeld, type Held } from "./agent-held.ts";
import { AgentReports } from "./agent-reports.ts";

const startedHoldMs = 20;

export class SimAgent extends AgentReports {
  private abandoning = new Map<string, () => void>();

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
    // Runners keep what their tasks told and tell it again to the next agent: a crash may have taken it from the journal.
    for (const { offer, eventSeq } of host.carried.values())
      for (let seq = 1; seq <= eventSeq; seq++) this.onEvent(offer.attempt, seq);
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

  // Frames.

  protected onText(text: string): void {
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

  protected forget(held: Held): void {
    if (this.held.get(held.attempt) !== held) return;
    this.held.delete(held.attempt);
    this.journal.append({ t: "forgotten", attempt: held.attempt, epoch: held.epoch });
  }
}
