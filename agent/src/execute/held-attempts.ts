// Everything the agent holds: the single place where an attempt's phase on this host changes.
//  E1. `taken` is in the journal before a runner (or an inline executor) hears of the attempt.
//  E2. A result is on disk before it is reported, and a runner forgets it only then.
//  E3. An attempt is forgotten when its result and its log are acknowledged, or when the control plane has disowned it
//      and its tree is gone.
import {
  actionKindOf,
  taskOf,
  type AttemptPair,
  type Cancel,
  type CancelAck,
  type CanonicalWorkflow,
  type ClockReading,
  type FinishItem,
  type InventoryItem,
  type OfferedAttempt,
  type ReportAck,
  type ReportItem,
  type RunnerReport,
  type StopReason,
  type Verdict,
} from "@capstan/proto";
import type { Journal } from "../journal/journal.ts";
import type { LogSender } from "../report/log-sender.ts";
import type { Reporter } from "../report/reporter.ts";
import { readExitRecords, removeExitRecord } from "../runner/exit-record.ts";
import { runnerFoldersOf } from "../runner/runner-paths.ts";
import { killTree } from "../runner/tree.ts";
import type { LocalStore } from "../workspace/local-store.ts";
import { inventoryItemOf, isSent, newAttempt, type HeldAttempt } from "./attempt.ts";
import { refusalIn, type ControlPlaneFiles, type FetchedSpec } from "./control-plane-files.ts";
import type { Finished } from "./executor.ts";
import { moveFile } from "./move-file.ts";
import type { RunnerLink } from "./runner-link.ts";
import type { RunnerPool } from "./runner-pool.ts";
import { Usage } from "./usage.ts";
import { Waiters } from "./waiters.ts";

/** Runs inside the agent, without a runner: for measuring everything but the runner. */
export type InlineExecutor = (offer: OfferedAttempt) => Finished | Promise<Finished>;
export type InlineExecutors = Readonly<Partial<Record<string, InlineExecutor>>>;

export interface HeldAttemptsOptions {
  readonly dataDir: string;
  readonly journal: Journal;
  readonly files: ControlPlaneFiles;
  readonly inline: InlineExecutors;
  readonly pool: () => RunnerPool;
  readonly reporter: () => Reporter;
  readonly logs: () => LogSender;
  /** Slots came free or went. */
  readonly onCapacity: () => void;
  /** Where classified files and logs are kept. */
  readonly store: LocalStore;
  /** Why the host's owner does not allow a task; undefined where it may run. */
  readonly refusalOf: (document: CanonicalWorkflow, task: string) => string | undefined;
  readonly log: (text: string, detail?: object) => void;
}

export class HeldAttempts {
  readonly #options: HeldAttemptsOptions;
  readonly #held = new Map<string, HeldAttempt>();
  /** What the attempts take whose tree may still live. */
  readonly usage = new Usage();
  readonly #waiters = new Waiters();

  constructor(options: HeldAttemptsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }
  get inventory(): InventoryItem[] {
    return [...this.#held.values()].map(inventoryItemOf);
  }
  get pairs(): AttemptPair[] {
    return Array.from(this.#held.values(), ({ attempt, epoch }): AttemptPair => [attempt, epoch]);
  }
  get shortestLeaseMs(): number | undefined {
    let shortest: number | undefined;
    for (const { offer } of this.#held.values())
      if (offer !== undefined && (shortest === undefined || offer.leaseMs < shortest)) shortest = offer.leaseMs;
    return shortest;
  }
  has(attempt: string, epoch: number): boolean {
    return this.#held.get(attempt)?.epoch === epoch;
  }

  /** Journal ∪ living runners ∪ exit records; what is in none of the last two is `runner_lost`. Before any hello. */
  async recover(): Promise<void> {
    const { journal, dataDir } = this.#options;
    const adopted = await this.#options.pool().adopt();
    for (const known of journal.attempts.values()) {
      const held = newAttempt(known.attempt, known.epoch, undefined, known.takes);
      held.startedMs = known.startedMs;
      held.eventSeq = known.events.length;
      held.isReported = known.reported;
      this.#hold(held);
      for (const event of known.events) this.#options.reporter().add(event);
      if (known.result !== undefined) this.#settle(held, known.result);
    }
    for (const { link, attempts } of adopted) {
      for (const { attempt, epoch, phase, startedMs, producedBytes } of attempts) {
        let held = this.#held.get(attempt);
        if (held === undefined) {
          // The journal was lost, the runner was not.
          journal.taken(attempt, epoch, Date.now());
          held = newAttempt(attempt, epoch);
          this.#hold(held);
        }
        if (held.epoch !== epoch || held.result !== undefined) {
          link.send({ t: "retire", attempt, epoch });
          continue;
        }
        held.link = link;
        held.startedMs ??= startedMs;
        held.phase = phase === "finished" ? "stopping" : phase; // `done` follows and makes it finished
        held.producedBytes = producedBytes;
      }
    }
    for (const finish of readExitRecords(runnerFoldersOf(dataDir).exit)) {
      const held = this.#held.get(finish.attempt);
      if (held?.link !== undefined) continue; // its runner lives, tells it again, and removes the record when told to retire
      if (held?.epoch === finish.epoch && held.result === undefined) await this.#finish(held, finish);
      removeExitRecord(runnerFoldersOf(dataDir).exit, finish.attempt, finish.epoch);
    }
    const orphans = [...this.#held.values()].filter((held) => held.result === undefined && held.link === undefined);
    await Promise.all(orphans.map((held) => killTree({ cgroup: "", attempt: held.attempt })));
    for (const held of orphans) this.#lost(held);
    for (const { link } of adopted) link.begin();
  }

  /** Starts an admitted offer at once. `base` is the origin of its lease. */
  take(offers: readonly { readonly offer: OfferedAttempt; readonly base: ClockReading }[]): void {
    const { journal, files } = this.#options;
    const nowMs = Date.now();
    for (const { offer } of offers) {
      journal.taken(offer.attempt, offer.epoch, nowMs, offer.resources);
      this.#hold(newAttempt(offer.attempt, offer.epoch, offer));
    }
    journal.flush();
    for (const { offer, base } of offers) {
      const held = this.#held.get(offer.attempt);
      if (held === undefined) continue;
      const spec = files.knownSpec(offer.specDigest);
      if (spec !== undefined) this.#begin(held, offer, base, spec);
      else void this.#fetchAndBegin(held, offer, base);
    }
    for (const { offer } of offers) this.#held.get(offer.attempt)?.link?.flush();
  }

  cancel(cancel: Cancel): CancelAck["phase"] {
    const held = this.#held.get(cancel.attempt);
    if (held === undefined || held.epoch !== cancel.epoch) return "unknown";
    if (held.phase !== "finished" && held.cancel === undefined) {
      held.cancel = { reason: cancel.reason, graceMs: cancel.graceMs };
      this.#stop(held, cancel.reason, cancel.graceMs);
    }
    return held.phase;
  }

  /** Stops everything that runs, to give it back. */
  stopAll(reason: StopReason, graceMsMax = Infinity): void {
    for (const held of this.#held.values())
      this.#stop(held, reason, Math.min(held.offer?.graceMs ?? 10_000, graceMsMax));
  }

  #hold(held: HeldAttempt): void {
    this.#held.set(held.attempt, held);
    this.usage.add(held.takes);
  }

  /** Not ours: kill at once, say nothing more. Resolves when its tree is gone. */
  async abandon(attempt: string, epoch: number): Promise<void> {
    const held = this.#held.get(attempt);
    if (held === undefined || held.epoch !== epoch) return;
    held.isAbandoned = true;
    this.#options.reporter().forget(attempt);
    if (held.phase === "finished") {
      this.#forget(held);
      return;
    }
    this.#stop(held, "abandoned", 0);
    await this.#waiters.until(() => !this.has(attempt, epoch));
  }

  verdict(verdict: Verdict): void {
    const held = this.#held.get(verdict.attempt);
    if (held === undefined || held.epoch !== verdict.epoch) return;
    switch (verdict.do) {
      case "continue":
      case "resend":
        if (verdict.do === "resend" && held.result !== undefined && held.isReported) {
          held.isReported = false;
          this.#options.reporter().add(held.result);
        }
        this.#options.logs().resume(held.attempt, held.epoch, verdict.logBytes);
        if (isSent(held.result?.log)) this.#options.logs().ended(held.attempt, held.epoch, held.result.log.bytes);
        if (verdict.cancel !== undefined) this.cancel({ attempt: held.attempt, epoch: held.epoch, ...verdict.cancel });
        return;
      case "done":
        held.isReported = true;
        held.isLogDone = true;
        this.#options.reporter().forget(held.attempt);
        if (held.phase === "finished") this.#forget(held);
        return;
      case "abandon":
      case "hold":
        return; // abandon is awaited by the session; what is on hold goes on until a person decides
    }
  }

  onReportAck(item: ReportItem, result: ReportAck["items"][number]): void {
    if (item.kind !== "finish") return;
    const held = this.#held.get(item.attempt);
    if (held === undefined || held.epoch !== item.epoch) return;
    if (result.result === "lease_lost")
      this.#options.log("a result came too late", { attempt: item.attempt, epoch: item.epoch });
    held.isReported = true;
    if (!isSent(item.log)) held.isLogDone = true;
    if (held.isLogDone) this.#forget(held);
    else this.#options.journal.reported(item.attempt, item.epoch);
  }

  onLogComplete(attempt: string, epoch: number): void {
    const held = this.#held.get(attempt);
    if (held === undefined || held.epoch !== epoch) return;
    if (held.result === undefined) return; // the control plane closed the log early; the result is still to come
    held.isLogDone = true;
    if (held.isReported) this.#forget(held);
  }

  onDrained(attempt: string, bytes: number): void {
    const held = this.#held.get(attempt);
    if (held !== undefined) held.link?.send({ t: "drained", attempt: held.attempt, bytes });
  }

  onRunnerReport(report: RunnerReport, link: RunnerLink): void {
    if (report.t === "state") return;
    if (report.t === "file") {
      void moveFile(this.#options.files, report, link);
      return;
    }
    const { attempt, epoch } = report.t === "done" ? report.finish : report;
    const held = this.#held.get(attempt);
    if (held === undefined || held.epoch !== epoch) {
      if (report.t === "done") link.send({ t: "retire", attempt, epoch });
      return;
    }
    switch (report.t) {
      case "started":
        if (held.startedMs !== undefined && held.phase === "running") return;
        held.startedMs = report.atMs;
        if (held.phase === "taken") held.phase = "running";
        this.#options.journal.started(attempt, epoch, report.atMs);
        if (!held.isAbandoned) this.#options.reporter().add({ kind: "started", attempt, epoch, atMs: report.atMs });
        return;
      case "stopping":
        held.phase = "stopping";
        return;
      case "event": {
        if (report.seq <= held.eventSeq || held.isAbandoned) return;
        held.eventSeq = report.seq;
        const { seq, atMs, type, body } = report;
        const item = { kind: "event", attempt, epoch, seq, atMs, type, body } as const;
        void this.#options.journal.event(item).then(() => this.#options.reporter().add(item));
        return;
      }
      case "logged":
        held.producedBytes = Math.max(held.producedBytes, report.bytes);
        this.#options.logs().produced(attempt, epoch);
        return;
      case "done":
        if (held.result === undefined && held.phase !== "finished") void this.#finish(held, report.finish);
    }
  }

  /** The runner is dead and its trees are gone. */
  onRunnerLost(attempts: readonly string[]): void {
    for (const id of attempts) {
      const held = this.#held.get(id);
      if (held !== undefined && held.phase !== "finished") this.#lost(held);
    }
  }

  /** Resolves when nothing runs, and when nothing is owed any more. */
  untilIdle(): Promise<void> {
    return this.#waiters.until(() => this.usage.count === 0);
  }
  untilEmpty(): Promise<void> {
    return this.#waiters.until(() => this.#held.size === 0);
  }

  async #fetchAndBegin(held: HeldAttempt, offer: OfferedAttempt, base: ClockReading): Promise<void> {
    try {
      const spec = await this.#options.files.spec(offer.specDigest);
      if (held.phase === "taken") this.#begin(held, offer, base, spec);
    } catch (error) {
      const refusal = held.phase === "taken" ? refusalIn(error) : undefined;
      if (refusal !== undefined) this.#refuse(held, refusal);
      else this.#failSetup(held, "spec_unavailable", error instanceof Error ? error.message : String(error));
    }
  }

  #begin(held: HeldAttempt, offer: OfferedAttempt, base: ClockReading, spec: FetchedSpec): void {
    if (held.cancel !== undefined) {
      this.#endUnstarted(held, "cancelled");
      return;
    }
    const isClassified = spec.document.data !== undefined;
    const refusal = isClassified ? this.#options.refusalOf(spec.document, offer.task) : undefined;
    if (refusal !== undefined) {
      this.#refuse(held, refusal);
      return;
    }
    const task = taskOf(spec.document, offer.task);
    const inline = isClassified || task === undefined ? undefined : this.#options.inline[actionKindOf(task.action)];
    if (inline !== undefined) {
      this.#runInline(held, offer, inline);
      return;
    }
    const link = this.#options.pool().leastLoaded();
    if (link === undefined) {
      this.#failSetup(held, "setup_failed", "no runner could be started on this agent");
      return;
    }
    held.link = link;
    link.attempts.add(offer.attempt);
    link.send({
      t: "take",
      offer,
      base,
      documentPath: spec.documentPath,
      ...(spec.bundle === undefined ? {} : { bundle: spec.bundle }),
      ...(isClassified ? { store: { id: this.#options.store.id, folder: this.#options.store.folder } } : {}),
    });
  }

  /** Nothing of it has begun: it is as if it had never been taken. */
  #refuse(held: HeldAttempt, detail: string): void {
    const { attempt, epoch } = held;
    this.usage.remove(held.takes);
    this.#forget(held);
    this.#options.reporter().add({ kind: "reject", attempt, epoch, reason: "policy_denied", detail, elsewhere: true });
    this.#options.onCapacity();
  }

  #runInline(held: HeldAttempt, offer: OfferedAttempt, inline: InlineExecutor): void {
    held.phase = "running";
    held.startedMs = Date.now();
    const done = (finished: Finished): void => {
      void this.#finish(held, {
        ...finished,
        kind: "finish",
        attempt: offer.attempt,
        epoch: offer.epoch,
        startedMs: held.startedMs ?? 0,
        endedMs: Date.now(),
      });
    };
    const finished = inline(offer);
    if (!(finished instanceof Promise)) {
      done(finished);
      return;
    }
    this.#options.reporter().add({ kind: "started", attempt: offer.attempt, epoch: offer.epoch, atMs: held.startedMs });
    finished.then(done, (error: unknown) => this.#failSetup(held, "setup_failed", String(error)));
  }

  #failSetup(held: HeldAttempt, code: string, message: string): void {
    void this.#finish(held, {
      kind: "finish",
      attempt: held.attempt,
      epoch: held.epoch,
      outcome: "failed",
      failure: { class: "setup", code, message: message.slice(0, 8000) },
      endedMs: Date.now(),
    });
  }

  #endUnstarted(held: HeldAttempt, outcome: "cancelled"): void {
    void this.#finish(held, { kind: "finish", attempt: held.attempt, epoch: held.epoch, outcome, endedMs: Date.now() });
  }

  #lost(held: HeldAttempt): void {
    void this.#finish(held, {
      kind: "finish",
      attempt: held.attempt,
      epoch: held.epoch,
      outcome: "lost",
      cause: "runner_lost",
      // That it has begun may have been said by a runner that is gone, or stood in the journal behind its last sync.
      mayHaveStarted: true,
      endedMs: Date.now(),
      ...(held.startedMs === undefined ? {} : { startedMs: held.startedMs }),
    });
  }

  #stop(held: HeldAttempt, reason: StopReason, graceMs: number): void {
    if (held.phase === "finished") return;
    held.link?.send({ t: "cancel", attempt: held.attempt, epoch: held.epoch, reason, graceMs });
    // Not handed over yet: `#begin` sees the cancel. Given back and abandoned ones have none, so it is set here.
    if (held.link === undefined && held.cancel === undefined) held.cancel = { reason: "cancelled", graceMs };
  }

  async #finish(held: HeldAttempt, finish: FinishItem): Promise<void> {
    if (held.phase === "finished") return;
    held.phase = "finished";
    held.link?.attempts.delete(held.attempt);
    this.usage.remove(held.takes);
    if (held.isAbandoned) {
      this.#retire(held);
      this.#forget(held);
    } else {
      held.result = finish;
      await this.#options.journal.result(finish);
      this.#retire(held);
      this.#report(held, finish);
    }
    this.#options.onCapacity();
    this.#waiters.wake();
  }

  /** A result that the journal already has. */
  #settle(held: HeldAttempt, finish: FinishItem): void {
    held.phase = "finished";
    held.result = finish;
    this.usage.remove(held.takes);
    this.#report(held, finish);
  }

  #report(held: HeldAttempt, finish: FinishItem): void {
    if (!held.isReported) this.#options.reporter().add(finish);
    if (isSent(finish.log)) this.#options.logs().ended(held.attempt, held.epoch, finish.log.bytes);
    else held.isLogDone = true;
  }

  #retire(held: HeldAttempt): void {
    held.link?.send({ t: "retire", attempt: held.attempt, epoch: held.epoch });
  }

  #forget(held: HeldAttempt): void {
    this.#held.delete(held.attempt);
    this.#options.journal.forget(held.attempt, held.epoch);
    if (held.link !== undefined) this.#options.logs().forget(held.attempt);
    this.#waiters.wake();
  }
}
