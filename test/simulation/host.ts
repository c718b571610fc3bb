// A host: its clocks, and the runner that carries attempts and outlives the agent's process. The lease table is the
// product's own; what starts, stops and counts as ended follows `agent/src/runner/carried-attempt.ts`.
import { elapsedMs, type ClockReading, type FinishItem, type JsonObject, type OfferedAttempt } from "@capstan/proto";
import {
  LeaseTable,
  killPointMs,
  newestOf,
  termPointMs,
  type LeasedAttempt,
} from "../../agent/src/runner/lease-table.ts";
import type { Execution, Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** What a program will do, decided when it starts. */
export interface Program {
  readonly durationMs: number;
  readonly result: "succeed" | "fail" | "skip" | "setup" | "bad_output";
  readonly outputs: JsonObject | undefined;
  readonly exitCode: number;
  /** Time from SIGTERM to its end; infinite: it ignores the signal. */
  readonly obeysMs: number;
  readonly events: number;
}

export type StopReason = "cancelled" | "timeout" | "lease_over" | "drain" | "abandoned";

export interface Carried {
  readonly offer: OfferedAttempt;
  readonly leased: LeasedAttempt;
  base: ClockReading;
  execution: Execution | undefined;
  stop: { reason: StopReason; isTerm: boolean } | undefined;
  isDead: boolean;
  startedAtMs: number | undefined;
  eventSeq: number;
}

export interface HostParts {
  readonly world: World;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly rate: number;
  readonly unmasked: boolean;
  readonly programOf: (offer: OfferedAttempt) => Program;
  readonly runIdOf: (offer: OfferedAttempt) => string;
  readonly attemptIdOf: (offer: OfferedAttempt) => string;
}

export interface RunnerListener {
  started(attempt: string, atMs: number): void;
  stopping(attempt: string): void;
  event(attempt: string, seq: number): void;
  done(finish: FinishItem): void;
}

const tickMs = 250;
/** From SIGKILL until the tree is gone, at most; in unmasked seeds as long as the product still allows for. */
const killMs = 800;
const killUnmaskedMs = 4600;
/** Lets the looks at a lease be few: between them nothing can become due. */
const lookEarlyMs = 300;

export class Host {
  readonly name: string;
  isPaused = false;
  wokeMs = Number.NEGATIVE_INFINITY;
  boot = 1;
  readonly carried = new Map<string, Carried>();
  /** Exit records on disk: ends that the agent has not journalled. */
  readonly exits = new Map<string, FinishItem>();
  listener: RunnerListener | undefined;
  private table = new LeaseTable();
  private readonly parts: HostParts;
  private suspendedMs = 0;
  private pausedAtMs = 0;
  private wallJumpMs = 0;
  private held: (() => void)[] = [];
  private renewed: ClockReading | undefined;
  private looks = 0;

  constructor(name: string, parts: HostParts) {
    this.name = name;
    this.parts = parts;
    this.wallJumpMs = parts.random.between(-86_400_000, 86_400_000);
  }

  /**
   * After the host was paused, its tasks may run this long before they are gone: the next look at the clocks finds their
   * leases over (docs/protocol.md, "A suspicious pause").
   */
  get wakeMs(): number {
    return tickMs + (this.parts.unmasked ? killUnmaskedMs : killMs) + 10;
  }

  clocks(): ClockReading {
    const { world, rate } = this.parts;
    const nowMs = this.isPaused ? this.pausedAtMs : world.nowMs;
    return {
      monoMs: (nowMs - this.suspendedMs) * rate,
      bootMs: nowMs * rate,
      wallMs: 1_700_000_000_000 + nowMs * rate + this.wallJumpMs,
    };
  }

  setClock(byMs: number): void {
    this.wallJumpMs += byMs;
    this.look();
  }

  // Whole-host faults.

  pause(): void {
    this.isPaused = true;
    this.pausedAtMs = this.parts.world.nowMs;
  }

  /** Wakes after a pause. `isSleep`: the monotonic clock stood still meanwhile. */
  wake(isSleep: boolean): void {
    const { world, ledger, random } = this.parts;
    this.isPaused = false;
    this.wokeMs = world.nowMs;
    if (isSleep) this.suspendedMs += world.nowMs - this.pausedAtMs;
    const held = this.held;
    this.held = [];
    for (const work of held) world.after(0, work);
    world.after(random.between(0, tickMs), () => this.look());
    ledger.woke(this);
  }

  /** Everything that ran is gone with its kernel. */
  reboot(): void {
    for (const one of this.carried.values()) {
      one.isDead = true;
      if (one.execution !== undefined) this.parts.ledger.end(one.execution);
    }
    this.carried.clear();
    this.exits.clear();
    this.table = new LeaseTable();
    this.renewed = undefined;
    this.held = [];
    this.isPaused = false;
    this.boot++;
  }

  /** The runner dies: parent death takes its trees with it. */
  runnerDies(): string[] {
    const lost = [...this.carried.keys()];
    for (const one of this.carried.values()) {
      one.isDead = true;
      if (one.execution !== undefined) this.parts.ledger.end(one.execution);
      this.table.remove(one.offer.attempt);
    }
    this.carried.clear();
    return lost;
  }

  // The runner.

  take(offer: OfferedAttempt, base: ClockReading): void {
    const { random } = this.parts;
    const leased: LeasedAttempt = {
      attempt: offer.attempt,
      epoch: offer.epoch,
      leaseMs: offer.leaseMs,
      graceMs: offer.graceMs,
      onLeaseEnd: offer.onLeaseEnd,
      tree: { cgroup: "", attempt: offer.attempt },
    };
    const one: Carried = {
      offer,
      leased,
      base,
      execution: undefined,
      stop: undefined,
      isDead: false,
      startedAtMs: undefined,
      eventSeq: 0,
    };
    one.base = newestOf(base, this.renewed);
    this.carried.set(offer.attempt, one);
    this.table.add(leased, base);
    this.look();
    // Files, environment, interpreter; now and then it takes long.
    const prepareMs = random.chance(0.95) ? random.between(1, 200) : random.between(200, 60_000);
    this.after(prepareMs, () => this.begin(one));
  }

  renew(base: ClockReading): void {
    this.renewed = base;
    this.table.renew(base);
    for (const one of this.carried.values()) {
      if (one.stop === undefined && base.monoMs > one.base.monoMs) one.base = base;
    }
  }

  /** The agent asks for a stop; the first one decides, except that the end of the lease overrides all. */
  cancel(attempt: string, reason: StopReason, graceMs: number): void {
    const one = this.carried.get(attempt);
    if (one !== undefined) this.stop(one, reason, graceMs);
  }

  retire(attempt: string): void {
    this.exits.delete(attempt);
  }

  private begin(one: Carried): void {
    const { ledger, random } = this.parts;
    if (one.isDead || one.stop !== undefined) return;
    // The last look at the lease before user code begins.
    const newest = newestOf(one.base, this.renewed);
    if (
      one.offer.onLeaseEnd === "stop" &&
      elapsedMs(newest, this.clocks()) >= termPointMs(one.offer.leaseMs, one.offer.graceMs)
    ) {
      this.stop(one, "lease_over", 0);
      return;
    }
    const program = this.parts.programOf(one.offer);
    if (program.result === "setup") {
      this.finish(one, {
        outcome: "failed",
        failure: { class: "setup", code: "environment", message: "no interpreter" },
      });
      return;
    }
    const execution = ledger.start(one.offer, this.parts.attemptIdOf(one.offer), this.parts.runIdOf(one.offer), this);
    one.execution = execution;
    one.startedAtMs = Math.floor(this.clocks().wallMs);
    this.listener?.started(one.offer.attempt, one.startedAtMs);
    for (let i = 0; i < program.events; i++) {
      this.after(random.between(0, program.durationMs), () => {
        if (one.isDead || one.execution?.endedMs !== undefined) return;
        this.listener?.event(one.offer.attempt, ++one.eventSeq);
      });
    }
    const { timeoutMs } = one.offer;
    if (timeoutMs !== undefined && timeoutMs < program.durationMs) {
      this.after(timeoutMs, () => this.stop(one, "timeout", one.offer.graceMs, program.obeysMs));
    }
    this.after(program.durationMs, () => {
      if (one.isDead || execution.endedMs !== undefined) return;
      // A program that ends while it is being stopped has been stopped.
      if (one.stop !== undefined) return this.died(one);
      execution.outcome = program.result === "fail" ? "failed" : program.result === "skip" ? "skipped" : "succeeded";
      execution.outputs = program.outputs;
      this.finish(one, {
        outcome: program.result === "fail" ? "failed" : "succeeded",
        exitCode: program.exitCode,
        ...(program.result === "fail"
          ? {
              failure: {
                class: "error",
                code: "exit",
                message: `exit code ${program.exitCode}`,
                exitCode: program.exitCode,
              },
            }
          : {}),
        ...(program.result === "skip" ? { skip: true } : {}),
        ...(program.outputs === undefined ? {} : { outputs: program.outputs }),
      });
    });
  }

  private stop(one: Carried, reason: StopReason, graceMs: number, obeysMs = this.parts.random.between(5, 1500)): void {
    if (one.isDead) return;
    if (one.stop !== undefined && reason !== "lease_over") return;
    const isSecond = one.stop !== undefined;
    one.stop = { reason, isTerm: true };
    this.listener?.stopping(one.offer.attempt);
    if (one.execution === undefined) {
      this.died(one);
      return;
    }
    const ignores = this.parts.random.chance(0.3);
    const waitMs = Math.min(ignores ? graceMs : obeysMs, graceMs);
    if (!isSecond || graceMs === 0) this.after(waitMs + this.provenMs(), () => this.died(one));
  }

  /** From SIGKILL until the tree is proven gone. */
  private provenMs(): number {
    return this.parts.unmasked ? killUnmaskedMs : this.parts.random.between(1, killMs);
  }

  private died(one: Carried): void {
    if (one.isDead) return;
    switch (one.stop?.reason) {
      case "timeout":
        return this.finish(one, {
          outcome: "timed_out",
          failure: { class: "timeout", code: "timeout", message: "the task's timeout passed" },
        });
      case "lease_over":
        return this.finish(one, { outcome: "lost", cause: "lease_over", mayHaveStarted: one.execution !== undefined });
      case "drain":
        return this.finish(one, { outcome: "lost", cause: "given_back", mayHaveStarted: one.execution !== undefined });
      case "cancelled":
      case "abandoned":
      case undefined:
        return this.finish(one, { outcome: "cancelled" });
    }
  }

  private finish(one: Carried, end: Omit<FinishItem, "kind" | "attempt" | "epoch">): void {
    const { ledger } = this.parts;
    one.isDead = true;
    if (one.execution !== undefined) ledger.end(one.execution);
    const { attempt, epoch } = one.offer;
    this.carried.delete(attempt);
    this.table.remove(attempt);
    const finish: FinishItem = {
      kind: "finish",
      attempt,
      epoch,
      ...(one.startedAtMs === undefined ? {} : { startedMs: one.startedAtMs }),
      endedMs: Math.floor(this.clocks().wallMs),
      ...end,
    };
    this.exits.set(attempt, finish);
    this.listener?.done(finish);
  }

  /** One tick of the lease thread, and the next one when something can be due. */
  private look(): void {
    const { world, random } = this.parts;
    if (this.isPaused) return;
    const now = this.clocks();
    for (const action of this.table.tick(now)) {
      const one = this.carried.get(action.attempt.attempt);
      if (one === undefined) continue;
      if (action.do === "term") {
        world.count("lease: term");
        this.stop(one, "lease_over", one.offer.graceMs);
      } else if (one.stop?.reason !== "lease_over" || one.stop.isTerm) {
        world.count("lease: kill");
        one.stop = { reason: "lease_over", isTerm: false };
        if (one.execution === undefined) this.died(one);
        else this.after(this.provenMs(), () => this.died(one));
      }
    }
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { base, leased, stop } of this.carried.values()) {
      if (leased.onLeaseEnd === "continue") continue;
      const point =
        stop?.reason === "lease_over" ? killPointMs(leased.leaseMs) : termPointMs(leased.leaseMs, leased.graceMs);
      const leftMs = point - elapsedMs(base, now);
      if (stop?.reason === "lease_over" && !stop.isTerm) continue;
      nextMs = Math.min(nextMs, leftMs);
    }
    if (nextMs === Number.POSITIVE_INFINITY) return;
    const look = ++this.looks;
    const waitMs = nextMs > lookEarlyMs ? nextMs - lookEarlyMs / 2 : random.between(1, tickMs);
    this.after(waitMs, () => {
      if (look === this.looks) this.look();
    });
  }

  /** Work of this host's kernel: waits while the host is paused, is gone with it. */
  private after(ms: number, work: () => void): void {
    const { boot } = this;
    const bound = (): void => {
      if (boot !== this.boot) return;
      if (this.isPaused) this.held.push(bound);
      else work();
    };
    this.parts.world.after(ms, bound);
  }
}
