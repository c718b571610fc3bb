// Invariants of what runs by itself: ticks, deliveries, the cache, marks of lateness, variables and operations. Against the
// rows and the ledger, and the ticks counted anew.
import type { JsonObject } from "@capstan/proto";
import type { StartBody } from "../../control-plane/src/schedule/schedule.store.ts";
import type { Execution, Ledger } from "./ledger.ts";
import type { AdvanceRow, StartRow, StoredRun } from "./rows.ts";
import type { SimDatabase } from "./sim-database.ts";
import type { StoredSchedule } from "./sim-schedules.ts";
import { variableName } from "./workload-automation.ts";
import type { World } from "./world.ts";

const chainMax = 10;
/** A tick that is later than this is made up for by the policy alone (docs/guides/schedules). */
const lateMs = 60_000;
/** How far the database's clock may go back between a look and its row. */
const backMs = 6_000;
/** From the look at a schedule to the row of its start, at most. */
const underWayMs = 10_000;
const noReasons: ReadonlySet<string> = new Set(["broken", "failed", "inputs_invalid", "condition"]);

export class AutomationChecks {
  /** Every value that the variable has had. */
  readonly values = new Set<string>();
  private readonly world: World;
  private readonly database: SimDatabase;
  private readonly ledger: Ledger;

  constructor(world: World, database: SimDatabase, ledger: Ledger) {
    this.world = world;
    this.database = database;
    this.ledger = ledger;
    database.schedules.onAsked = (schedule, body) => this.onAsked(schedule, body);
  }

  /** I6: a start that is asked for is of a tick that has come, and that its policy does not leave out. */
  private onAsked({ schedule, isPaused, workflow, trigger }: StoredSchedule, { tickMs }: StartBody): void {
    const { world, database } = this;
    const where = `tick ${tickMs} of ${workflow}.${trigger}`;
    const nowMs = database.nowMs();
    const { everyMs = 1, catchup = "last", jitterMs = 0 } = schedule;
    if (tickMs % everyMs !== 0) world.violate("I6", `${where} is no tick`);
    if (tickMs > nowMs + backMs) world.violate("I6", `${where} is asked for ${tickMs - nowMs} ms early`);
    if (catchup === "skip" && nowMs - tickMs > lateMs + jitterMs + backMs + underWayMs)
      world.violate("I6", `${where} is made up for ${nowMs - tickMs} ms late, and is to be left out`);
    if (isPaused) world.count("tick asked as its schedule was paused");
  }

  onMade(row: StartRow): void {
    const { kind, id, scheduledMs, delivery } = row.tr;
    if (row.og !== undefined) return this.onAgain(row);
    this.checkVariables(row);
    if (kind === "schedule") this.onTick(row, String(id), Number(scheduledMs));
    else if (typeof delivery === "string" && Number(row.tr["chain"]) > chainMax)
      this.world.violate("I6", `run ${row.r} has ${String(row.tr["chain"])} runs behind it by triggers`);
  }

  /** I6: one run per tick, and none beside another where the schedule does not allow that. */
  private onTick({ r, w }: StartRow, trigger: string, tickMs: number): void {
    const { world, database } = this;
    const schedule = database.schedules.all.find((one) => one.workflowId === w && one.trigger === trigger);
    if (schedule === undefined) return world.violate("I6", `run ${r} is of a schedule that there is not`);
    const where = `tick ${tickMs} of ${schedule.workflow}.${trigger}`;
    const others = this.runsOf(schedule).filter((run) => run.id !== r);
    if (others.some((run) => run.trigger["scheduledMs"] === tickMs)) world.violate("I6", `${where} has two runs`);
    if (database.schedules.misses.some((miss) => miss.schedule === schedule && miss.tickMs === tickMs))
      world.violate("I6", `${where} has a run and a reason why it has none`);
    const { overlap = "allow" } = schedule.schedule;
    if (overlap === "allow") return;
    const open = others.find(
      (run) => run.endedMs === undefined && (overlap !== "cancelRunning" || run.cancel === undefined),
    );
    if (open !== undefined) world.violate("I6", `${where} begins beside run ${open.id}, and overlap is ${overlap}`);
  }

  private runsOf(schedule: StoredSchedule): StoredRun[] {
    return [...this.database.runs.values()].filter(
      ({ workflowId, origin, trigger }) =>
        origin === undefined &&
        workflowId === schedule.workflowId &&
        trigger["kind"] === "schedule" &&
        trigger["id"] === schedule.trigger,
    );
  }

  /** I10: what is run again has the variables of the run that it repeats. */
  private onAgain(row: StartRow): void {
    const { og: origin } = row;
    const earlier = origin === undefined ? undefined : this.database.runs.get(origin.runId);
    if (earlier === undefined || origin?.kind !== "retry") return;
    const [before, now] = [variableOf(earlier.trigger), variableOf(row.tr)];
    if (before !== undefined && before !== now)
      this.world.violate("I10", `run ${row.r} repeats ${earlier.id} with ${String(now)} for ${before}`);
  }

  private checkVariables({ r, d, tr }: StartRow): void {
    const reads = this.database.plans.get(d)?.document.vars !== undefined;
    const value = variableOf(tr);
    if (reads !== (value !== undefined) || (value !== undefined && !this.values.has(value)))
      this.world.violate("I10", `run ${r} has ${value ?? "no value"} of its variable`);
  }

  /** I10: one value of a variable for a whole run. */
  onStart({ runId, taskKey, inputs }: Execution): void {
    const run = this.database.runs.get(runId);
    const given = (inputs as { vars?: JsonObject }).vars?.[variableName];
    const kept = run === undefined ? undefined : variableOf(run.trigger);
    if (given !== undefined && given !== kept)
      this.world.violate(
        "I10",
        `${runId} ${taskKey} was given ${JSON.stringify(given)}; its run has ${kept ?? "none"}`,
      );
  }

  /** I13: a mark is passed once, in time, and only by what has not done what it says. */
  beforeAdvance(run: StoredRun, row: AdvanceRow): void {
    const before = run.late ?? [];
    const after = row.la ?? before;
    if (after === before) return;
    const where = `run ${run.id}`;
    if (new Set(after).size !== after.length || before.some((mark) => !after.includes(mark)))
      this.world.violate("I13", `${where} was late by ${before.join(" ")} and is by ${after.join(" ")}`);
    const nowMs = this.database.nowMs() + backMs;
    const { sla = {} } = run.plan.document;
    for (const mark of after.filter((one) => !before.includes(one))) {
      this.world.count(`late: ${mark}`);
      if (run.endedMs !== undefined) this.world.violate("I13", `${where} had ended and is late by ${mark}`);
      const earlyMs =
        mark === "startWithin"
          ? run.createdMs + (sla.startWithinMs ?? Infinity) - nowMs
          : (run.startedMs ?? Infinity) + (sla.maxDurationMs ?? Infinity) - nowMs;
      if (earlyMs > 0) this.world.violate("I13", `${where} is late by ${mark} ${earlyMs} ms early`);
      if (mark === "startWithin" && run.tasks.some((task) => task?.st !== undefined))
        this.world.violate("I13", `${where} had begun and is late by ${mark}`);
    }
  }

  /** I3: at most one live task run works for a key. */
  afterWrite(runId: string): void {
    const { world, database } = this;
    const keys = heldIn(database.runs.get(runId));
    if (keys.length === 0) return;
    for (const key of keys) {
      const holders = [...database.runs.values()].flatMap((run) => heldIn(run).filter((one) => one === key));
      if (holders.length > 1) world.violate("I3", `${holders.length} task runs hold the key ${key} of the cache`);
    }
  }

  /** When everything has ended. @param faultless nothing went wrong, so nothing may be missing or late */
  atEnd(faultless: boolean): void {
    for (const schedule of this.database.schedules.all) this.checkTicks(schedule);
    this.checkDeliveries();
    this.checkOperations();
    for (const run of this.database.runs.values()) {
      this.checkCached(run);
      if (faultless) this.checkMarks(run);
    }
  }

  /** I6: each tick from the first to the last became one run or one reason. */
  private checkTicks(schedule: StoredSchedule): void {
    const { world, database } = this;
    const { everyMs = 1 } = schedule.schedule;
    const runs = new Set(this.runsOf(schedule).map((run) => run.trigger["scheduledMs"]));
    const misses = database.schedules.misses.filter((miss) => miss.schedule === schedule);
    for (const { reason, tickMs, detail } of misses)
      if (noReasons.has(reason)) world.violate("I6", `tick ${tickMs} came to nothing: ${reason}: ${detail}`);
    const told = new Set(misses.map((miss) => miss.tickMs));
    // One reason may be told for many that were left for very long.
    const isOne = misses.some(({ detail }) => detail?.startsWith("and all others") === true);
    const lastMs = schedule.nextTickMs ?? schedule.firstTickMs;
    for (let tickMs = schedule.firstTickMs; tickMs < lastMs && !isOne; tickMs += everyMs) {
      world.count(runs.has(tickMs) ? "tick: run" : "tick: reason");
      if (!runs.has(tickMs) && !told.has(tickMs))
        world.violate("I6", `tick ${tickMs} of ${schedule.workflow}.${schedule.trigger} has no run and no reason`);
    }
  }

  /** I7: each delivery became one run or one reason, and what happened was delivered to each that listens. */
  private checkDeliveries(): void {
    const { world, database } = this;
    for (const { id, runId, outcome, kind } of database.triggers.deliveries.values()) {
      if (outcome !== undefined && noReasons.has(outcome)) world.violate("I7", `delivery ${id} came to ${outcome}`);
      const run = runId === undefined ? undefined : database.runs.get(runId);
      if ((run === undefined) !== (outcome !== undefined) || (run !== undefined && run.trigger["kind"] !== kind))
        world.violate("I7", `delivery ${id} (${kind}) has ${run?.id ?? "no run"} and ${outcome ?? "no reason"}`);
    }
    for (const trigger of database.triggers.listening) {
      const wanted =
        trigger.kind === "event"
          ? database.events.filter((event) => event.type === trigger.listensTo).length
          : [...database.runs.values()].filter(
              (run) => run.plan.document.name === trigger.listensTo && trigger.outcomes.includes(run.state),
            ).length;
      const made = [...database.triggers.deliveries.values()].filter(
        (one) => one.workflowId === trigger.workflowId && one.trigger === trigger.id,
      ).length;
      if (made !== wanted)
        world.violate("I7", `${trigger.workflow}.${trigger.id} was fired ${made} times of ${wanted}`);
    }
  }

  /** I7: an operation does one thing to each of its runs, or says why not. */
  private checkOperations(): void {
    const { world, database } = this;
    for (const { id, action, actor, runs } of database.operations.all) {
      for (const [runId, { outcome, detail }] of runs) {
        const where = `operation ${id}: ${action} of ${runId}`;
        const run = database.runs.get(runId);
        const made = [...database.runs.values()].filter(
          ({ origin }) => origin?.runId === runId && origin.actor === actor,
        ).length;
        if (outcome === undefined) world.violate("I1", `${where} came to nothing`);
        if (outcome === "refused" && /error of the server/.test(detail ?? ""))
          world.violate("I24", `${where} was refused by an error of the server`);
        if (action === "cancel" && outcome === "done" && run?.cancel === undefined && run?.state !== "cancelled")
          world.violate("I5", `${where} was done, and nobody cancelled it`);
        if (made > 1 || (action !== "cancel" && outcome === "done" && detail !== undefined && made === 0))
          world.violate("I7", `${where} made ${made} runs`);
      }
    }
  }

  /** I10: what was taken from the cache was given by a program that succeeded, in the run that is named. */
  private checkCached(run: StoredRun): void {
    for (const task of run.tasks) {
      const from = task?.c?.flags?.cached;
      if (task === undefined || from === undefined || task.s !== "succeeded") continue;
      this.world.count("cached");
      const gave = this.ledger.all.some(
        (one) => one.runId === from.runId && one.outcome === "succeeded" && one.outputs?.["n"] === task.ou?.["n"],
      );
      if (!gave) this.world.violate("I10", `${run.id} ${task.o} has ${JSON.stringify(task.ou)} of ${from.runId}`);
    }
  }

  /** I13: who took longer than a mark allows has passed it. */
  private checkMarks(run: StoredRun): void {
    const { maxDurationMs } = run.plan.document.sla ?? {};
    const { startedMs, endedMs, late = [], pause } = run;
    if (maxDurationMs === undefined || startedMs === undefined || endedMs === undefined) return;
    const tookMs = endedMs - startedMs - (pause?.totalMs ?? 0);
    if (tookMs > maxDurationMs + 5_000 && !late.includes("maxDuration"))
      this.world.violate("I13", `run ${run.id} took ${tookMs} ms of ${maxDurationMs} and is not late`);
  }
}

const variableOf = (trigger: JsonObject): string | undefined => {
  const vars = trigger["vars"] as JsonObject | undefined;
  const value = vars?.[variableName];
  return typeof value === "string" ? value : undefined;
};

/** Keys that live task runs of a run work for. */
const heldIn = (run: StoredRun | undefined): string[] =>
  (run?.tasks ?? []).flatMap((task) => {
    const suspension = task?.c?.suspension;
    return task !== undefined && task.en === undefined && suspension?.kind === "cache" && suspension.held
      ? [suspension.key]
      : [];
  });
