// Group commit: the one place where the state of runs changes.
//
// Events gather while the previous statement is in flight. When a connection is free, everything that has gathered
// (at most 200 runs) is decided by the engine and leaves as one statement. No timer delays a batch. A run is in one
// batch in flight at most; its later events wait for that commit.
//
//  G1. What a batch decided is believed only for the runs that the statement accepted. A refused run's snapshot is
//      dropped, loaded again and its events decided anew; after three refusals its events fail as unavailable.
//  G2. Offers, cancels and answers leave after the commit, never before.
//  G3. An error of the statement halves the batch until the offender is alone; that one is refused and the others live.
//  G4. An event that changes nothing is not checked by the statement. So it is answered from a snapshot that was read
//      after the event had come: another replica may have moved the run on since the cached one.
//  G5. When the database cannot be reached nothing is known about the batch: its callers are told `unavailable`,
//      snapshots are dropped, slots given back. Agents report again; loops look again; clients use their key again.
import { AppError } from "@capstan/proto";
import type { Logger } from "pino";
import type { Backlog } from "../dispatch/backlog.ts";
import type { DatabaseClock } from "../dispatch/database-clock.ts";
import { realScheduler, type Scheduler } from "../dispatch/scheduler.ts";
import type { Sessions, Slot } from "../dispatch/sessions.ts";
import { advance, openDraft } from "../engine/advance.ts";
import { offerContext } from "../engine/context.ts";
import type { Draft, Surroundings } from "../engine/draft.ts";
import type { EventOutcome, Reporter, RunEvent } from "../engine/event.ts";
import { compilePlan, type Plan } from "../engine/plan.ts";
import { startRun } from "../engine/run-machine.ts";
import { isSettled, taskAt, type Run } from "../engine/snapshot.ts";
import { addToBatch, emptyBatch, type BatchEntry, type Placed } from "./batch.ts";
import type { Commit, StartOutcome, StartRun, WorkflowEdition } from "./commit.ts";
import type { CommitSignals } from "./commit-signals.ts";
import type { CommitStore } from "./commit.store.ts";
import { placeReady } from "./direct-offer.ts";
import type { LiveIndex } from "./live-index.ts";
import { makeOffer } from "./offer.ts";
import { rejectAll, type PendingRun } from "./pending.ts";
import { SnapshotCache } from "./snapshot-cache.ts";

export interface CommitLoopOptions {
  /** Runs in one statement, default 200. */
  readonly batchMax?: number;
  /** Statements in flight, default 2. */
  readonly inFlightMax?: number;
  /** Origin of links; asked late, because a free port is known only when it listens. */
  readonly publicUrl: () => string;
  readonly newId: () => string;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly scheduler?: Scheduler;
}

interface Decided {
  readonly pending: PendingRun;
  readonly draft: Draft;
  readonly after: Run;
  readonly placed: readonly Placed[];
  readonly slots: readonly Slot[];
  readonly reporters: readonly Reporter[];
  readonly outcomes: readonly EventOutcome[];
}

export interface CommitLoopParts {
  readonly store: CommitStore;
  readonly sessions: Sessions;
  readonly backlog: Backlog;
  readonly clock: DatabaseClock;
  readonly live: LiveIndex;
  readonly signals: CommitSignals;
  readonly log: Logger;
}

export interface CommitStatus {
  readonly waiting: number;
  readonly inFlight: number;
  readonly commits: number;
  readonly runsWritten: number;
  readonly refused: number;
  readonly errors: number;
}

export class CommitLoop implements Commit {
  private readonly parts: CommitLoopParts;
  private readonly options: Required<CommitLoopOptions>;
  private readonly cache = new SnapshotCache();
  private readonly plans = new Map<string, Plan>();
  private readonly pools = new Map<string, ReadonlyMap<string, string>>();
  private readonly knownLanes = new Set<string>();
  private readonly waiting = new Map<string, PendingRun>();
  private readonly busy = new Set<string>();
  private inFlight = 0;
  private startsInFlight = 0;
  private scheduled = false;
  private startNumber = 0;
  private commits = 0;
  private runsWritten = 0;
  private refused = 0;
  private errors = 0;

  constructor(parts: CommitLoopParts, options: CommitLoopOptions) {
    this.parts = parts;
    this.options = { batchMax: 200, inFlightMax: 2, scheduler: realScheduler, ...options };
  }

  start(request: StartRun): Promise<StartOutcome> {
    return new Promise((resolve, reject) => {
      const key = `start ${this.startNumber++}`;
      this.waiting.set(key, {
        key,
        projectId: request.edition.projectId,
        runId: "",
        events: [],
        start: { request, resolve, reject },
        refusals: 0,
        isFresh: true,
      });
      this.schedule();
    });
  }

  submit(projectId: string, runId: string, event: RunEvent): Promise<EventOutcome> {
    return new Promise((resolve, reject) => {
      let pending = this.waiting.get(runId);
      if (pending === undefined) {
        pending = { key: runId, projectId, runId, events: [], start: undefined, refusals: 0, isFresh: false };
        this.waiting.set(runId, pending);
      }
      pending.events.push({ event, resolve, reject });
      this.schedule();
    });
  }

  status(): CommitStatus {
    const { commits, runsWritten, refused, errors, inFlight } = this;
    return { waiting: this.waiting.size, inFlight, commits, runsWritten, refused, errors };
  }

  /** Resolves when nothing waits and nothing is in flight. */
  async drained(): Promise<void> {
    while (this.waiting.size > 0 || this.inFlight > 0) {
      await new Promise<void>((resolve) => void this.options.scheduler.after(5, resolve));
    }
  }

  /** At the end of the turn, so that all that arrived in it leaves together. */
  private schedule(): void {
    if (this.scheduled || this.inFlight >= this.options.inFlightMax) return;
    this.scheduled = true;
    this.options.scheduler.endOfTurn(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.inFlight >= this.options.inFlightMax) return;
    const taken: PendingRun[] = [];
    let starts = 0;
    for (const [key, pending] of this.waiting) {
      if (this.busy.has(key)) continue;
      if (pending.start !== undefined) {
        // Starts number their runs on the workflow's row: a second statement of them would only wait for the first.
        if (this.startsInFlight > 0) continue;
        starts += 1;
      }
      taken.push(pending);
      if (taken.length >= this.options.batchMax) break;
    }
    if (taken.length === 0) return;
    for (const pending of taken) {
      this.waiting.delete(pending.key);
      this.busy.add(pending.key);
    }
    this.inFlight += 1;
    this.startsInFlight += starts;
    void this.carry(taken).finally(() => {
      for (const pending of taken) this.busy.delete(pending.key);
      this.inFlight -= 1;
      this.startsInFlight -= starts;
      if (this.waiting.size > 0) this.flush();
    });
    // A second connection may take what comes in meanwhile.
  }

  private async carry(taken: readonly PendingRun[]): Promise<void> {
    try {
      await this.prepare(taken);
    } catch (error) {
      return this.fail(taken, [], error);
    }
    const { decided, doubted } = this.decideAll(taken);
    for (const pending of doubted) this.cache.drop(pending.runId);
    await this.commit(decided);
    if (doubted.length > 0) await this.carry(doubted);
  }

  /** Loads what the decisions need and this replica does not have. */
  private async prepare(taken: readonly PendingRun[]): Promise<void> {
    const missing = taken.filter(
      (pending) => pending.start === undefined && this.cache.get(pending.runId) === undefined,
    );
    const projects = new Set<string>();
    for (const pending of taken) if (!this.pools.has(pending.projectId)) projects.add(pending.projectId);
    for (const projectId of projects) this.pools.set(projectId, await this.parts.store.pools(projectId));
    if (missing.length === 0) return;
    for (const run of await this.parts.store.loadRuns(missing)) this.cache.put(run);
    for (const pending of missing) pending.isFresh = true;
  }

  /** Forgets what was read about pools; called when one was made. */
  forgetPools(): void {
    this.pools.clear();
  }

  private decideAll(taken: readonly PendingRun[]): { decided: readonly Decided[]; doubted: readonly PendingRun[] } {
    const around: Surroundings = {
      nowMs: this.parts.clock.nowMs(),
      incarnation: this.parts.clock.incarnation,
      newId: this.options.newId,
      publicUrl: this.options.publicUrl(),
    };
    const decided: Decided[] = [];
    const doubted: PendingRun[] = [];
    for (const pending of taken) {
      try {
        const one = this.decide(pending, around);
        if (one === "doubted") doubted.push(pending);
        else if (one !== undefined) decided.push(one);
      } catch (error) {
        // A bug of ours, or a row that should not be: it concerns this run alone, and leaves it as it was.
        this.errors += 1;
        this.parts.log.error({ err: error, run: pending.runId }, "decision failed");
        this.cache.drop(pending.runId);
        rejectAll(pending, error);
      }
    }
    return { decided, doubted };
  }

  private decide(pending: PendingRun, around: Surroundings): Decided | "doubted" | undefined {
    const outcomes: EventOutcome[] = [];
    const reporters: Reporter[] = [];
    let draft: Draft;
    if (pending.start !== undefined) {
      draft = startRun(this.newRun(pending.start.request), around);
    } else {
      const run = this.cache.get(pending.runId);
      if (run === undefined) {
        for (const { resolve } of pending.events) resolve({ kind: "not_found" });
        return undefined;
      }
      draft = openDraft(run, around);
      for (const { event } of pending.events) {
        const outcome = advance(draft, event);
        outcomes.push(outcome);
        if ("by" in event && (outcome.kind === "accepted" || outcome.kind === "invalid")) reporters.push(event.by);
      }
      if (!draft.isChanged) {
        if (!pending.isFresh) return "doubted";
        pending.events.forEach(({ resolve }, i) => resolve(outcomes[i] ?? { kind: "duplicate" }));
        return undefined;
      }
    }
    const pools = this.pools.get(pending.projectId) ?? new Map<string, string>();
    // Refused once, the snapshot was old; refused twice, it may be the offer: then the work goes through the queue.
    const mayOfferDirectly = pending.refusals < 2;
    const { placed, slots } = placeReady(draft, this.parts.sessions, this.parts.backlog, pools, mayOfferDirectly);
    return { pending, draft, after: draft.snapshot(), placed, slots, reporters, outcomes };
  }

  private newRun(request: StartRun): Parameters<typeof startRun>[0] {
    const { edition } = request;
    const priority = edition.document.priority;
    return {
      projectId: edition.projectId,
      project: edition.project,
      workflowId: edition.workflowId,
      plan: this.planOf(edition),
      inputs: request.inputs,
      labels: request.labels,
      trigger: request.trigger,
      priority: typeof priority === "number" ? priority : 3,
      ...(request.again === undefined ? {} : { again: request.again }),
    };
  }

  private planOf(edition: WorkflowEdition): Plan {
    let plan = this.plans.get(edition.digest);
    if (plan === undefined) {
      plan = compilePlan(edition.digest, edition.document);
      this.plans.set(edition.digest, plan);
      this.parts.store.remember(edition);
    }
    return plan;
  }

  private async commit(decided: readonly Decided[]): Promise<void> {
    if (decided.length === 0) return;
    const rows = emptyBatch();
    decided.forEach((one, order) => addToBatch(rows, entryOf(one, order), this.knownLanes));
    let accepted: ReadonlyMap<string, number | undefined>;
    try {
      accepted = await this.parts.store.write(rows);
    } catch (error) {
      if (this.options.isUnavailable(error) || decided.length === 1) {
        return this.fail(
          decided.map((one) => one.pending),
          decided,
          error,
        );
      }
      const half = Math.ceil(decided.length / 2);
      await this.commit(decided.slice(0, half));
      return this.commit(decided.slice(half));
    }
    this.commits += 1;
    for (const lane of rows.lanes) this.knownLanes.add(lane.l);
    const refused: Decided[] = [];
    for (const one of decided) {
      if (accepted.has(one.after.id)) this.settle(one, accepted.get(one.after.id));
      else refused.push(one);
    }
    this.parts.signals.tellHistory();
    if (refused.length > 0) await this.again(refused);
  }

  /** After the commit: the snapshot counts, offers and cancels leave, callers are answered. */
  private settle(one: Decided, number: number | undefined): void {
    const { pending, draft } = one;
    const after: Run = number === undefined ? one.after : { ...one.after, number };
    this.runsWritten += 1;
    if (isSettled(after)) this.cache.drop(after.id);
    else this.cache.put(after);
    for (const { lane, direct } of one.placed) if (direct === undefined) this.parts.backlog.add(lane);
    for (const attempt of draft.attempts.values()) {
      if (attempt.endedMs !== undefined) this.parts.live.drop(attempt.id);
      else if (attempt.isNew) {
        const { position, agentId } = attempt;
        this.parts.live.put(attempt.id, { projectId: after.projectId, agentId, runId: after.id, position });
        const planTask = draft.planTask(position);
        const task = taskAt(after, position);
        if (task === undefined) continue;
        this.parts.sessions.offer(
          { agentId: attempt.agentId, session: attempt.session, seq: attempt.seq },
          makeOffer(after, planTask, task, attempt, offerContext(after, planTask, position, draft.around)),
        );
      }
    }
    for (const cancel of draft.cancels) this.parts.sessions.cancel(cancel.agentId, cancel);
    pending.start?.resolve({ kind: "started", runId: after.id, number: after.number, createdMs: after.createdMs });
    pending.events.forEach(({ resolve }, i) => resolve(one.outcomes[i] ?? { kind: "accepted" }));
    this.parts.signals.tell(after);
  }

  /** Refused by a fence, a version or a used key: look again, decide again. */
  private async again(refused: readonly Decided[]): Promise<void> {
    this.refused += refused.length;
    for (const one of refused) {
      this.cache.drop(one.after.id);
      for (const slot of one.slots) this.parts.sessions.giveBack(slot);
    }
    try {
      await this.answerUsedKeys(refused);
    } catch (error) {
      return this.fail(
        refused.map((one) => one.pending),
        [],
        error,
      );
    }
    const retried: PendingRun[] = [];
    for (const { pending, reporters } of refused) {
      if (pending.start !== undefined && pending.refusals < 0) continue; // answered by its key
      pending.refusals += 1;
      if (pending.refusals <= 3) retried.push(pending);
      else if (reporters.length > 0) this.answerFenced(pending);
      else rejectAll(pending, new AppError("unavailable", "the run changes too often to be decided; try again"));
    }
    if (retried.length > 0) await this.carry(retried);
  }

  /** A report that was refused three times rests on a session that is over: nothing changed, and the agent is told. */
  private answerFenced(pending: PendingRun): void {
    for (const { event, resolve, reject } of pending.events) {
      if ("by" in event) resolve({ kind: "lease_lost" });
      else reject(new AppError("unavailable", "the run changes too often to be decided; try again"));
    }
  }

  private async answerUsedKeys(refused: readonly Decided[]): Promise<void> {
    const keyed = refused.flatMap(({ pending }) =>
      pending.start?.request.idempotency === undefined
        ? []
        : [{ pending, start: pending.start, ...pending.start.request.idempotency }],
    );
    if (keyed.length === 0) return;
    const found = await this.parts.store.findKeys(
      keyed.map(({ pending, caller, key }) => ({ projectId: pending.projectId, caller, key })),
    );
    for (const one of keyed) {
      const used = found.find(
        (row) => row.projectId === one.pending.projectId && row.caller === one.caller && row.key === one.key,
      );
      if (used === undefined) continue; // refused by another fence
      one.pending.refusals = -1;
      one.start.resolve(
        used.requestSha256 === one.requestSha256 && used.runId !== undefined
          ? { kind: "replayed", runId: used.runId }
          : { kind: "key_reused" },
      );
    }
  }

  private fail(pendings: readonly PendingRun[], decided: readonly Decided[], error: unknown): void {
    this.errors += 1;
    const unavailable = this.options.isUnavailable(error);
    this.parts.log[unavailable ? "warn" : "error"]({ err: error, runs: pendings.length }, "commit failed");
    for (const one of decided) {
      this.cache.drop(one.after.id);
      for (const slot of one.slots) this.parts.sessions.giveBack(slot);
    }
    const told = unavailable
      ? new AppError("unavailable", "the database cannot be reached; whether this took effect is not known", {
          cause: error,
        })
      : error;
    for (const pending of pendings) {
      if (pending.runId !== "") this.cache.drop(pending.runId);
      rejectAll(pending, told);
    }
  }
}

const entryOf = (one: Decided, order: number): BatchEntry => ({
  draft: one.draft,
  after: one.after,
  placed: one.placed,
  reporters: one.reporters,
  start: one.pending.start?.request,
  order,
});
