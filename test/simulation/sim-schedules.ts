// `schedules` and `schedule_misses`, with the meaning of `due-schedules.sql`, `decide-schedules.sql`, `refuse-start.sql` and
// of a deploy that gives a workflow its schedules or takes them away.
import type { CanonicalSchedule, MissReason } from "@capstan/proto";
import type { DueTimer } from "../../control-plane/src/dispatch/dispatch.store.ts";
import type {
  DecidedSchedule,
  DueScheduleRow,
  StartBody,
  TakenSchedules,
} from "../../control-plane/src/schedule/schedule.store.ts";
import type { SimTables } from "./sim-tables.ts";

const startAfterMs = 3000;

export interface StoredSchedule {
  readonly projectId: string;
  readonly workflowId: string;
  readonly workflow: string;
  readonly trigger: string;
  readonly digest: string;
  readonly spec: string;
  readonly schedule: CanonicalSchedule;
  /** What the outside check counts from: the tick that was the next one when it was deployed. */
  readonly firstTickMs: number;
  nextTickMs: number | undefined;
  dueMs: number | undefined;
  lastRunId: string | undefined;
  isPaused: boolean;
  /** The workflow was deployed without it. */
  isGone: boolean;
}

interface StoredMiss {
  readonly schedule: StoredSchedule;
  readonly tickMs: number;
  readonly reason: MissReason;
  /** Of the one record for many: the last tick that it speaks of. */
  readonly detail: string | undefined;
}

export class SimSchedules {
  readonly all: StoredSchedule[] = [];
  readonly misses: StoredMiss[] = [];
  /** Told of each start that is asked for. */
  onAsked: (schedule: StoredSchedule, body: StartBody) => void = () => undefined;
  private readonly locked = new Set<StoredSchedule>();
  private readonly database: SimTables;

  constructor(database: SimTables) {
    this.database = database;
  }

  /** A deploy. */
  put(schedule: Omit<StoredSchedule, "isPaused" | "isGone" | "lastRunId">): StoredSchedule {
    const stored: StoredSchedule = { ...schedule, lastRunId: undefined, isPaused: false, isGone: false };
    this.all.push(stored);
    this.database.onChange();
    return stored;
  }

  /** Time until the next is due; infinite where none is. */
  nextInMs(): number {
    const nowMs = this.database.nowMs();
    return this.all.reduce(
      (least, one) => (one.isGone || one.dueMs === undefined ? least : Math.min(least, one.dueMs - nowMs)),
      Number.POSITIVE_INFINITY,
    );
  }

  /** due-schedules.sql: rows and their locks. */
  lockDue(limit: number): { readonly taken: readonly StoredSchedule[]; readonly nowMs: number } {
    const nowMs = this.database.nowMs();
    const taken = this.all
      .filter((one) => !one.isGone && one.dueMs !== undefined && one.dueMs <= nowMs && !this.locked.has(one))
      .slice(0, limit);
    for (const one of taken) this.locked.add(one);
    return { taken, nowMs };
  }

  unlock(taken: readonly StoredSchedule[]): void {
    for (const one of taken) this.locked.delete(one);
  }

  rowOf(one: StoredSchedule): DueScheduleRow {
    const { projectId, workflowId, workflow, trigger, digest, spec, nextTickMs = 0, isPaused, lastRunId } = one;
    const awaits = `schedule:${workflowId}:${trigger}`;
    return {
      projectId,
      project: "default",
      workflowId,
      workflow,
      trigger,
      digest,
      spec,
      nextTickMs,
      isPaused,
      isWorkflowPaused: false,
      lastRunId,
      lastCancels: this.cancelsOf(lastRunId),
      isGoing: lastRunId !== undefined && this.isGoing(lastRunId),
      waiting: [...this.database.timers.values()].filter((timer) => timer.awaits === awaits).length,
    };
  }

  private cancelsOf(runId = ""): readonly string[] {
    const timer = this.database.timers.get(`${runId} -1 schedule_start`);
    return (timer?.body as StartBody | undefined)?.cancels ?? []; // as `decide` wrote it
  }

  isGoing(runId: string): boolean {
    const run = this.database.runs.get(runId);
    return (run !== undefined && run.endedMs === undefined) || this.database.timers.has(`${runId} -1 schedule_start`);
  }

  /** decide-schedules.sql and the look at the next one. */
  decide(taken: readonly StoredSchedule[], decided: readonly DecidedSchedule[]): TakenSchedules {
    const starts: DueTimer[] = [];
    for (const [at, { starts: asked, missed, nextTickMs, nextDueMs }] of decided.entries()) {
      const one = taken[at];
      if (one === undefined) continue;
      one.nextTickMs = nextTickMs;
      one.dueMs = nextDueMs;
      one.lastRunId = asked.at(-1)?.runId ?? one.lastRunId;
      for (const { runId, body } of asked) {
        this.onAsked(one, body);
        const timer = { projectId: one.projectId, runId, position: -1, kind: "schedule_start" as const, body };
        const awaits = body.after === undefined ? undefined : `schedule:${one.workflowId}:${one.trigger}`;
        this.database.timers.set(`${runId} -1 schedule_start`, {
          ...timer,
          dueMs: this.database.nowMs() + startAfterMs,
          awaits,
        });
        starts.push(timer);
      }
      for (const { tickMs, reason, detail } of missed) this.miss(one, tickMs, reason, detail);
    }
    if (decided.length > 0) this.database.onChange();
    const nextInMs = this.nextInMs();
    return { count: taken.length, starts, nextInMs: nextInMs > 0 && nextInMs < Infinity ? nextInMs : undefined };
  }

  postpone({ runId, position, kind }: DueTimer, byMs: number): void {
    const key = `${runId} ${position} ${kind}`;
    const timer = this.database.timers.get(key);
    if (timer !== undefined) this.database.timers.set(key, { ...timer, dueMs: this.database.nowMs() + byMs });
    this.database.onChange();
  }

  /** refuse-start.sql */
  refuse(runId: string, reason: MissReason, detail?: string): boolean {
    const key = `${runId} -1 schedule_start`;
    const timer = this.database.timers.get(key);
    if (timer === undefined) return false;
    this.database.timers.delete(key);
    const body = timer.body as StartBody; // as `decide` wrote it
    const one = this.all.find(
      (schedule) => schedule.workflowId === body.workflowId && schedule.trigger === body.trigger,
    );
    if (one !== undefined) this.miss(one, body.tickMs, reason, detail);
    return true;
  }

  private miss(schedule: StoredSchedule, tickMs: number, reason: MissReason, detail: string | undefined): void {
    this.database.world.count(`tick missed: ${reason}`);
    if (this.misses.some((one) => one.schedule === schedule && one.tickMs === tickMs)) return;
    this.misses.push({ schedule, tickMs, reason, detail });
  }
}
