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
//  G6. Claims of task runs with limits are decided and written in one transaction that holds the limits' locks.
//  G7. Starts and admissions of runs with `concurrency` are decided and written under the lock of their group.
import { AppError } from "@capstan/proto";
import { realScheduler } from "../dispatch/scheduler.ts";
import { advance, openDraft } from "../engine/advance.ts";
import { offerContext } from "../engine/context.ts";
import type { Draft, Surroundings } from "../engine/draft.ts";
import type { EventOutcome, Reporter, RunEvent } from "../engine/event.ts";
import { startRun } from "../engine/run-machine.ts";
import { isSettled, taskAt, type Run } from "../engine/snapshot.ts";
import type { RunGroup } from "../engine/concurrency.ts";
import { addToBatch, emptyBatch, type BatchRows, type GroupJoin } from "./batch.ts";
import type { Commit, StartOutcome, StartRun } from "./commit.ts";
import { toldOf, type CommitLoopOptions, type CommitLoopParts, type CommitStatus } from "./commit-parts.ts";
import { entryOf, noHolds, type Decided } from "./decided.ts";
import { placeReady } from "./direct-offer.ts";
import { askGroup, groupedOf, refuseStart } from "./grouped-runs.ts";
import { grantClaims, limitedClaims, refsOf, type HeldClaims, type LimitedClaim } from "./limited-claims.ts";
import { Plans } from "./plans.ts";
import { makeOffer } from "./offer.ts";
import { giveUp, rejectAll, type PendingRun } from "./pending.ts";
import { SnapshotCache } from "./snapshot-cache.ts";
import { answerUsedKeys } from "./used-keys.ts";

export class CommitLoop implements Commit {
  private readonly parts: CommitLoopParts;
  private readonly options: Required<CommitLoopOptions>;
  private readonly cache = new SnapshotCache();
  private readonly plans: Plans;
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
    this.plans = new Plans(parts.store);
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
    const grouped = taken.flatMap((pending) => groupedOf(pending, this.cache.get(pending.runId), this.isHeld(pending)));
    const limited = taken.filter((pending) => this.claimsOf(pending).length > 0);
    if (limited.length + grouped.length === 0) return this.carryPlain(taken);
    // What takes of limits or joins a group waits for their locks; the others do not wait with it.
    const locked = new Set([...limited, ...grouped.map((one) => one.pending)]);
    await this.carryPlain(taken.filter((pending) => !locked.has(pending)));
    if (limited.length > 0) await this.carryLimited(limited);
    for (const { pending, group } of grouped) await this.carryGrouped(pending, group);
  }

  private async carryPlain(taken: readonly PendingRun[]): Promise<void> {
    const { decided, doubted } = this.decideAll(taken);
    await this.commit(decided);
    await this.readAgain(doubted);
  }

  /** What changed nothing by a snapshot that may be old is decided by a new one (G4). */
  private async readAgain(doubted: readonly PendingRun[]): Promise<void> {
    if (doubted.length === 0) return;
    for (const pending of doubted) this.cache.drop(pending.runId);
    await this.carry(doubted);
  }

  /** True where it may not begin now: its workflow is paused, or the run that asks for it. */
  private isHeld({ start, runId }: PendingRun): boolean {
    if (start?.request.paused !== undefined) return true;
    const workflowId = start?.request.edition.workflowId ?? this.cache.get(runId)?.workflowId;
    return workflowId !== undefined && this.parts.held?.has(workflowId) === true;
  }

  /** G7. One run at a time: what it decides rests on who stands in the group, itself included. */
  private async carryGrouped(pending: PendingRun, group: RunGroup): Promise<void> {
    let decided: readonly Decided[] = [];
    let doubted: readonly PendingRun[] = [];
    let rows = emptyBatch();
    let refusal: Parameters<typeof refuseStart>[2] | undefined;
    let accepted: ReadonlyMap<string, number | undefined>;
    try {
      accepted = await this.parts.store.withGroup({ ...pending, key: group.key }, async (state, write) => {
        const answer = askGroup(pending, group, state, this.isHeld(pending));
        if (answer.kind === "refused") refusal = { code: answer.code, group, state };
        if (answer.kind !== "decide") return new Map();
        ({ decided, doubted } = this.decideAll([pending], undefined, answer.joins));
        rows = this.rowsOf(decided);
        return decided.length === 0 ? new Map() : write(rows);
      });
      if (refusal !== undefined) return await refuseStart(this.parts.store, pending, refusal);
    } catch (error) {
      return this.fail([pending], decided, error);
    }
    if (decided.length > 0) await this.written(decided, rows, accepted);
    await this.readAgain(doubted);
  }

  /** Claims of task runs that take of limits, with what they take. */
  private claimsOf(pending: PendingRun): readonly LimitedClaim[] {
    const run = pending.start === undefined ? this.cache.get(pending.runId) : undefined;
    return run === undefined ? [] : limitedClaims(pending, run, this.pools.get(pending.projectId) ?? new Map());
  }

  /** G6. Decided and written under the locks of the limits, so that no two claims see the same room. */
  private async carryLimited(limited: readonly PendingRun[]): Promise<void> {
    let decided: readonly Decided[] = [];
    let doubted: readonly PendingRun[] = [];
    let rows = emptyBatch();
    let accepted: ReadonlyMap<string, number | undefined>;
    try {
      const claims = limited.flatMap((pending) => this.claimsOf(pending));
      accepted = await this.parts.store.withLimits(refsOf(claims), async (states, write) => {
        const held = grantClaims(claims, states, this.parts.clock.nowMs());
        ({ decided, doubted } = this.decideAll(limited, held));
        rows = this.rowsOf(decided);
        return decided.length === 0 ? new Map() : write(rows);
      });
    } catch (error) {
      if (this.options.isUnavailable(error) || limited.length === 1) return this.fail(limited, decided, error);
      for (const one of decided) for (const slot of one.slots) this.parts.sessions.giveBack(slot);
      for (const pending of limited) await this.carryLimited([pending]);
      return;
    }
    if (decided.length > 0) await this.written(decided, rows, accepted);
    await this.readAgain(doubted);
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

  private decideAll(
    taken: readonly PendingRun[],
    held: HeldClaims = new Map(),
    joins?: GroupJoin & { readonly waits: boolean },
  ): { readonly decided: readonly Decided[]; readonly doubted: readonly PendingRun[] } {
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
        const one = this.decide(pending, around, joins?.waits === true);
        if (one === "doubted") doubted.push(pending);
        else if (one !== undefined) decided.push({ ...one, holds: held.get(pending.key) ?? noHolds, joins });
      } catch (error) {
        // An old snapshot can contradict what another replica has made possible: a new one decides (G4).
        if (!pending.isFresh) doubted.push(pending);
        if (!pending.isFresh) continue;
        // A bug of ours, or a row that should not be: it concerns this run alone, and leaves it as it was.
        this.errors += 1;
        this.parts.log.error({ err: error, run: pending.runId }, "decision failed");
        this.cache.drop(pending.runId);
        rejectAll(pending, error);
      }
    }
    return { decided, doubted };
  }

  private decide(
    pending: PendingRun,
    around: Surroundings,
    waits: boolean,
  ): Omit<Decided, "holds" | "joins"> | "doubted" | undefined {
    const outcomes: EventOutcome[] = [];
    const reporters: Reporter[] = [];
    let draft: Draft;
    if (pending.start !== undefined) {
      draft = startRun(this.plans.newRun(pending.start.request), around, waits);
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
        if (!pending.isFresh && pending.events.length > 0) return "doubted";
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

  private async commit(decided: readonly Decided[]): Promise<void> {
    if (decided.length === 0) return;
    const rows = this.rowsOf(decided);
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
    await this.written(decided, rows, accepted);
  }

  private rowsOf(decided: readonly Decided[]): BatchRows {
    const rows = emptyBatch();
    decided.forEach((one, order) => addToBatch(rows, entryOf(one, order), this.knownLanes));
    return rows;
  }

  /** After the statement: what it accepted counts, the rest is decided again. */
  private async written(
    decided: readonly Decided[],
    rows: BatchRows,
    accepted: ReadonlyMap<string, number | undefined>,
  ): Promise<void> {
    this.commits += 1;
    for (const lane of rows.lanes) this.knownLanes.add(lane.l);
    const refused: Decided[] = [];
    for (const one of decided) {
      if (accepted.has(one.after.id)) this.settle(one, accepted.get(one.after.id));
      else refused.push(one);
    }
    this.parts.signals.tellHistory(rows.isDue);
    // What ended attempts held may be what others wait for.
    if (rows.frees.length > 0) this.parts.backlog.wakeUp();
    if (rows.groupsLeft.length > 0) this.parts.signals.tellRoom();
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
      await answerUsedKeys(
        this.parts.store,
        refused.map((one) => one.pending),
      );
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
      else giveUp(pending);
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

  private fail(pendings: readonly PendingRun[], decided: readonly Decided[], error: unknown): void {
    this.errors += 1;
    const unavailable = this.options.isUnavailable(error);
    this.parts.log[unavailable ? "warn" : "error"]({ err: error, runs: pendings.length }, "commit failed");
    for (const one of decided) {
      this.cache.drop(one.after.id);
      for (const slot of one.slots) this.parts.sessions.giveBack(slot);
    }
    const told = toldOf(error, unavailable);
    for (const pending of pendings) {
      if (pending.runId !== "") this.cache.drop(pending.runId);
      rejectAll(pending, told);
    }
  }
}
