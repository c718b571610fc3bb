// Invariants, looked at with every write and every start (ids: docs/contributing/simulation.md). Written against the rows
// and the ledger, never against what the product says about them.
import {
  attemptTransitions,
  isTaskRunEnded,
  runTransitions,
  taskRunTransitions,
  uuidFromId,
  type JsonObject,
  type ReportItem,
  type RunState,
  type TaskRunState,
} from "@capstan/proto";
import type { BatchRows } from "../../control-plane/src/commit/batch.ts";
import { laneOf } from "../../control-plane/src/commit/lane.ts";
import type { HistoryItem } from "../../control-plane/src/engine/event.ts";
import type { Run } from "../../control-plane/src/engine/snapshot.ts";
import type { ReportingSession } from "../../control-plane/src/result/report.service.ts";
import type { AutomationChecks } from "./automation-checks.ts";
import { joinSays } from "./final-check.ts";
import type { Execution, Ledger } from "./ledger.ts";
import { planTaskOf } from "./places.ts";
import { checkLimits, checkRows } from "./row-checks.ts";
import type { AdvanceRow, AttemptRow, StartRow, StoredRun, StoredTask, TaskRow, TimerRow } from "./rows.ts";
import type { BatchSnapshot, SimDatabase, WriteWatcher } from "./sim-database.ts";
import type { World } from "./world.ts";

interface Report {
  readonly session: number;
  readonly agentId: string;
  readonly epoch: number;
}

/** A jump of the database's clock and the wait for a commit, both between a decision and its row. */
const clockAgeMs = 30_000;
/** Longer than any statement takes. */
const underWayMs = 20_000;
const reported: ReadonlySet<string> = new Set(["succeeded", "failed", "timed_out", "cancelled", "rejected"]);

export class Checks implements WriteWatcher {
  private readonly world: World;
  private readonly database: SimDatabase;
  private readonly ledger: Ledger;
  private readonly reports = new Map<string, Report[]>();
  private readonly cancelledRuns = new Map<string, "cancelled" | "timeout">();
  /** Attempts whose end is written by the batch at hand. */
  private ending: ReadonlySet<string> = new Set();
  private made: readonly AttemptRow[] = [];
  /** Runs of those that were being cancelled before this commit. */
  private cancelled: ReadonlySet<string> = new Set();
  private readonly progress = new Map<string, number>();
  readonly stoppedTasks = new Set<string>();
  readonly markedTasks = new Set<string>();
  /** How many have asked not to wait for a next try, and may still be heard. */
  private readonly hurriedTasks = new Map<string, number>();
  private readonly pools: ReadonlyMap<string, string>;
  /** Where there is anything that runs by itself. */
  private readonly automation: AutomationChecks | undefined;

  constructor(
    world: World,
    database: SimDatabase,
    ledger: Ledger,
    pools: ReadonlyMap<string, string>,
    automation: AutomationChecks | undefined,
  ) {
    this.pools = pools;
    this.automation = automation;
    this.world = world;
    this.database = database;
    this.ledger = ledger;
    ledger.onStart = (execution) => this.onStart(execution);
  }

  /** A replica applies a report. It may take effect after its caller was told that it is not known. */
  onReport(session: ReportingSession, items: readonly ReportItem[]): void {
    for (const item of items) {
      const attemptId = uuidFromId("att", item.attempt) ?? "";
      const list = this.reports.get(attemptId) ?? [];
      list.push({ session: session.session, agentId: session.agentId, epoch: item.epoch });
      this.reports.set(attemptId, list);
    }
  }

  /** I9: what the agent was told to be kept is kept. */
  onAcknowledged(attempt: string, epoch: number, result: string): void {
    if (result === "lease_lost") return;
    const attemptId = uuidFromId("att", attempt) ?? "";
    const kept = this.database.attempts.get(attemptId);
    if (kept?.epoch !== epoch)
      this.world.violate("I9", `the end of ${attemptId} was acknowledged (${result}), and is not kept`);
  }

  /** I5: a cancel that was acknowledged before the end decides the end. */
  onCancelAccepted(runId: string): void {
    const run = this.database.runs.get(runId);
    if (run?.cancel === undefined) {
      this.world.violate("I5", `the cancel of run ${runId} was accepted, and its row does not say so`);
    }
  }

  beforeWrite(rows: BatchRows, accepted: ReadonlySet<string>, snapshot: BatchSnapshot): void {
    this.ending = new Set((rows.attempts as AttemptRow[]).filter((row) => row.en !== undefined).map((row) => row.i));
    this.made = (rows.attempts as AttemptRow[]).filter((row) => row.n !== undefined && row.en === undefined);
    this.cancelled = new Set(
      this.made.map((row) => row.r).filter((id) => this.database.runs.get(id)?.cancel !== undefined),
    );
    for (const row of rows.starts as StartRow[]) {
      if (!accepted.has(row.r)) continue;
      this.checkHistory(row.r, 0, 1, row.it.length, row.es);
      this.automation?.onMade(row);
    }
    for (const row of rows.advances as AdvanceRow[]) {
      const run = this.database.runs.get(row.r);
      if (run === undefined || !accepted.has(row.r)) continue;
      this.checkHistory(row.r, run.eventSeq, row.fs, row.it?.length ?? 0, row.es);
      this.checkRun(run, row);
      this.automation?.beforeAdvance(run, row);
      this.checkProgress(row.it ?? []);
    }
    for (const row of rows.tasks as TaskRow[]) if (accepted.has(row.r)) this.checkTask(row, rows);
    for (const row of rows.attempts as AttemptRow[]) if (accepted.has(row.r)) this.checkAttempt(row, snapshot);
  }

  afterWrite(accepted: ReadonlySet<string>): void {
    for (const runId of accepted) {
      const run = this.database.runs.get(runId);
      if (run !== undefined) checkRows(this.world, this.database, run);
      this.automation?.afterWrite(runId);
    }
    if (this.database.holds.size + this.database.groups.size > 0) checkLimits(this.world, this.database);
    for (const row of this.made) if (accepted.has(row.r)) this.checkMade(row);
  }

  /** I5, I12: nothing new is handed out by a run that is paused or being cancelled, cleanup and hooks of its end apart. */
  private checkMade(row: AttemptRow): void {
    const run = this.database.runs.get(row.r);
    const planTask = run === undefined ? undefined : planTaskOf(run, row.o);
    if (run === undefined || planTask === undefined) return;
    const where = `attempt ${row.i} of ${planTask.key}`;
    if (run.state === "paused") this.world.violate("I5", `${where} is offered although its run is paused`);
    // One commit may hold a claim and the cancel that came after it: that attempt is told to stop as it is offered.
    if (this.cancelled.has(run.id) && run.endedMs === undefined && !planTask.cleanup && planTask.hook === undefined)
      this.world.violate("I5", `${where} is offered although its run is being cancelled`);
  }

  /** Events of a task are kept in their order, none left out. */
  private checkProgress(items: readonly HistoryItem[]): void {
    for (const { type, attempt, detail } of items) {
      if (type !== "task.progress" || attempt === undefined || typeof detail !== "object") continue;
      const n = Number((detail as JsonObject)["n"]); // as the simulated agent numbers them
      const before = this.progress.get(attempt) ?? 0;
      if (n !== before + 1) this.world.violate("I14", `attempt ${attempt} said ${n} after ${before}`);
      this.progress.set(attempt, n);
    }
  }

  /** Somebody asks for the end of a task run, by hand. */
  onTaskStopped(runId: string, position: number): void {
    this.stoppedTasks.add(`${runId} ${position}`);
  }

  /** Somebody decides what a task run is, or gives it another try. */
  onTaskMarked(runId: string, position: number): void {
    this.markedTasks.add(`${runId} ${position}`);
  }

  /** Somebody does not want to wait for the next try. */
  onRetryAsked(runId: string, position: number): void {
    const key = `${runId} ${position}`;
    this.hurriedTasks.set(key, (this.hurriedTasks.get(key) ?? 0) + 1);
  }

  /** What was asked for is decided; a statement that was under way may come a little later. */
  onRetryAnswered(runId: string, position: number): void {
    const key = `${runId} ${position}`;
    this.world.after(underWayMs, () => this.hurriedTasks.set(key, (this.hurriedTasks.get(key) ?? 1) - 1));
  }

  /** I14: numbers of events have no gap. */
  private checkHistory(runId: string, before: number, first: number | undefined, count: number, after: number): void {
    if (count > 0 && first !== before + 1) this.world.violate("I14", `run ${runId}: events ${first} after ${before}`);
    if (after !== before + count) this.world.violate("I14", `run ${runId}: ${count} events make ${before} to ${after}`);
  }

  private checkRun(run: StoredRun, row: AdvanceRow): void {
    if (run.state !== row.s && !reachesRun(run.state, row.s)) {
      this.world.violate("I14", `run ${run.id} went from ${run.state} to ${row.s}`);
    }
    if (run.state !== row.s) this.world.count(`run ${run.state} to ${row.s}`);
    if (run.cancel !== undefined && row.cn === undefined) this.world.violate("I5", `run ${run.id} forgot its cancel`);
    if (row.cn !== undefined && run.cancel === undefined) {
      this.cancelledRuns.set(run.id, row.cn.cause);
      if (row.cn.cause === "timeout" && this.database.nowMs() < (run.deadlineMs ?? 0)) {
        this.world.violate("I13", `run ${run.id} timed out before its deadline`);
      }
    }
    const cause = this.cancelledRuns.get(run.id);
    if (row.en !== undefined && cause !== undefined && row.s !== (cause === "timeout" ? "timed_out" : "cancelled")) {
      this.world.violate("I5", `run ${run.id} was cancelled (${cause}) and ended as ${row.s}`);
    }
    if (row.en === undefined && row.s !== "queued" && run.endedMs !== undefined) {
      this.world.violate("I14", `run ${run.id} ended and is ${row.s} again`);
    }
  }

  private checkTask(row: TaskRow, rows: BatchRows): void {
    const before = this.database.runs.get(row.r)?.tasks[row.o];
    if (before === undefined) return;
    if (before.s !== row.s) this.world.count(`task ${before.s} to ${row.s}`);
    if (before.s !== row.s && !reachesTask(before.s, row.s)) {
      this.world.violate("I14", `task run ${row.r} ${row.o} went from ${before.s} to ${row.s}`);
    }
    if (isTaskRunEnded(before.s) && (before.s !== row.s || before.en !== row.en || changed(before.ou, row.ou))) {
      this.world.violate("I14", `task run ${row.r} ${row.o} has ended as ${before.s} and changed`);
    }
    if (row.c?.stopping === "timeout" && before.c?.stopping === undefined) this.checkStopped(row, before);
    if (row.e < before.e) this.world.violate("I4", `the epoch of task run ${row.r} ${row.o} went back`);
    // I12, I13: the wait before another try is over when it is made ready.
    const isHurried = (this.hurriedTasks.get(`${row.r} ${row.o}`) ?? 0) > 0;
    if (
      before.s === "retrying" &&
      !isHurried &&
      before.re?.code === "retry_backoff" &&
      (row.s === "queued" || row.s === "dispatched")
    ) {
      const dueMs = before.du ?? 0;
      if (this.database.nowMs() < dueMs)
        this.world.violate("I13", `the retry of ${row.r} ${row.o} came ${dueMs - this.database.nowMs()} ms early`);
    }
    if (
      before.s === "queued" &&
      before.re?.code === "dispatch_backoff" &&
      row.re === undefined &&
      row.s !== "cancelled"
    ) {
      const timer = this.database.timers.get(`${row.r} ${row.o} dispatch_backoff`);
      if (timer !== undefined && timer.dueMs > this.database.nowMs() && !clears(rows, row)) {
        this.world.violate("I13", `the dispatch back-off of ${row.r} ${row.o} ended early`);
      }
    }
  }

  /** I13: an attempt is stopped for its timeout when its own runner should long have done that. */
  private checkStopped(row: TaskRow, { at }: StoredTask): void {
    const live = at === undefined ? undefined : this.database.live.get(at);
    const earlyMs = (live?.backstopMs ?? Number.POSITIVE_INFINITY) - this.database.nowMs();
    // The clock of the replica that decides was read a moment ago.
    if (live !== undefined && earlyMs > clockAgeMs)
      this.world.violate("I13", `attempt ${live.id} of ${row.r} ${row.o} is stopped ${earlyMs} ms before its time`);
  }

  private checkAttempt(row: AttemptRow, snapshot: BatchSnapshot): void {
    const { database, ledger, world } = this;
    if (row.n !== undefined) {
      const run = database.runs.get(row.r);
      const task = run?.tasks[row.o];
      if (task !== undefined && (row.e ?? 0) <= task.e)
        world.violate("I4", `attempt ${row.i} has epoch ${row.e} after ${task.e}`);
      if (task?.at !== undefined && database.live.has(task.at) && !this.ending.has(task.at)) {
        world.violate("I3", `attempt ${row.i} is made while ${task.at} is live`);
      }
      // I16: an offer that was not claimed from the queue overtakes nobody.
      const planTask = run?.plan.tasks[row.o]?.isLimited === false ? run.plan.tasks[row.o] : undefined;
      if (task?.s !== "queued" && run !== undefined && planTask !== undefined && row.en === undefined) {
        const { laneId } = laneOf(run as unknown as Run, planTask, this.pools); // reads project, inputs and document
        if (snapshot.queuedLanes.has(laneId)) world.violate("I16", `attempt ${row.i} overtook what waits in its lane`);
      }
      return;
    }
    const live = database.live.get(row.i);
    if (live === undefined) {
      world.violate("I2", `attempt ${row.i} is moved to ${row.s} and is not live`);
      return;
    }
    if (!reachesAttempt(live.state, row.s) && live.state !== row.s) {
      world.violate("I14", `attempt ${row.i} went from ${live.state} to ${row.s}`);
    }
    if (row.en === undefined ? row.s !== live.state : reported.has(row.s))
      this.checkReported(row, live.epoch, live.agentId, snapshot);
    // A finish means that no process of the attempt can run user code any more.
    const execution = ledger.of(row.i);
    if (row.en !== undefined && reported.has(row.s) && execution !== undefined && execution.endedMs === undefined) {
      world.violate("I5", `attempt ${row.i} has ended as ${row.s} while it executes`);
    }
    if (row.s === "rejected" && execution !== undefined)
      world.violate("I3", `attempt ${row.i} was rejected and has run`);
    if (row.s === "succeeded" && execution?.outcome !== "succeeded" && execution?.outcome !== "skipped") {
      world.violate("I2", `attempt ${row.i} counts as succeeded; its program: ${execution?.outcome ?? "never ended"}`);
    }
  }

  /** I4: by the agent that has it, with its epoch, in the session that was current when the statement began. */
  private checkReported(row: AttemptRow, epoch: number, agentId: string, snapshot: BatchSnapshot): void {
    const open = this.reports.get(row.i) ?? [];
    const fits = open.some(
      (one) => one.agentId === agentId && one.epoch === epoch && snapshot.sessions.get(agentId) === one.session,
    );
    if (!fits) {
      const told = open.map((one) => `session ${one.session} epoch ${one.epoch}`).join(", ");
      this.world.violate(
        "I4",
        `attempt ${row.i} (epoch ${epoch}, session ${snapshot.sessions.get(agentId)}) was moved to ${row.s} by: ${told || "nobody"}`,
      );
    }
  }

  /** I10, I11: what a task needs before it may run. */
  private onStart(execution: Execution): void {
    this.automation?.onStart(execution);
    const run = this.database.runs.get(execution.runId);
    if (run === undefined) return this.world.violate("I9", `run ${execution.runId} is executed and does not exist`);
    const position = run.plan.positionOf.get(execution.taskKey);
    const planTask = position === undefined ? undefined : run.plan.tasks[position];
    const group = run.groups.find((one) => one.position === position);
    if (group !== undefined && execution.index >= group.size)
      this.world.violate("I10", `${execution.taskKey} has ${group.size} indexes, and ${execution.index} runs`);
    if (planTask === undefined) return this.world.violate("I10", `${execution.taskKey} is not in the plan`);
    if (joinSays(run, planTask) !== "start") {
      this.world.violate("I10", `${run.id} ${planTask.key} runs although its join does not say so`);
    }
    const inputs = execution.inputs as { tasks?: Record<string, { outputs?: JsonObject }> };
    for (const need of planTask.needs) {
      const key = run.plan.tasks[need]?.key ?? "";
      const told = inputs.tasks?.[key]?.outputs;
      if (told === undefined) continue;
      const kept = run.tasks[need]?.ou;
      const n = told["n"];
      if (n !== undefined && kept?.["n"] !== n) {
        this.world.violate(
          "I10",
          `${run.id} ${planTask.key} got ${JSON.stringify(told)} of ${key}, which gave ${JSON.stringify(kept)}`,
        );
      }
    }
  }
}

const changed = (a: JsonObject | undefined, b: JsonObject | undefined): boolean =>
  a !== b && JSON.stringify(a) !== JSON.stringify(b);

const clears = (rows: BatchRows, row: TaskRow): boolean =>
  (rows.timers as TimerRow[]).some((timer) => timer.r === row.r && timer.o === row.o && timer.du === undefined);

function reachability<S extends string>(table: Readonly<Record<S, readonly S[]>>): (from: S, to: S) => boolean {
  const found = new Map<S, Set<S>>();
  return (from, to) => {
    let reached = found.get(from);
    if (reached === undefined) {
      reached = new Set();
      const open: S[] = [from];
      for (let next = open.pop(); next !== undefined; next = open.pop()) {
        for (const state of table[next]) {
          if (reached.has(state)) continue;
          reached.add(state);
          open.push(state);
        }
      }
      found.set(from, reached);
    }
    return reached.has(to);
  };
}

const reachesRun = reachability<RunState>(runTransitions);
const reachesTask = reachability<TaskRunState>(taskRunTransitions);
const reachesAttempt = reachability<string>(attemptTransitions);
