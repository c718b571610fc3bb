// What the dispatch, lease and timer loops, the admission and the events read and write beside batches: the meaning of
// `control-plane/src/database/sql/*.sql`, statement by statement.
import type { JsonObject, RunState } from "@capstan/proto";
import type { HeldGroup } from "../../control-plane/src/commit/commit.store.ts";
import type {
  DueTimer,
  OverdueAttempt,
  WaitingLane,
  WaitingTask,
} from "../../control-plane/src/dispatch/dispatch.store.ts";
import type { Renewal } from "../../control-plane/src/dispatch/leases.ts";
import { limitNameOf, limitRefKey, type LimitRef, type LimitStates } from "../../control-plane/src/engine/limit.ts";
import type { HeldRow } from "../../control-plane/src/result/inventory.store.ts";
import type { StoredLive } from "./rows.ts";
import { SimCache } from "./sim-cache.ts";
import { SimDedupes } from "./sim-dedupes.ts";
import { SimOperations } from "./sim-operations.ts";
import { SimSchedules } from "./sim-schedules.ts";
import { SimTables } from "./sim-tables.ts";
import { SimTriggers } from "./sim-triggers.ts";

export class SimReads extends SimTables {
  readonly cache = new SimCache(this);
  readonly dedupes = new SimDedupes(this);
  readonly schedules = new SimSchedules(this);
  readonly triggers = new SimTriggers(this);
  readonly operations = new SimOperations(this);

  /** lanes-with-work.sql */
  lanesWithWork(): WaitingLane[] {
    const found = new Map<string, number>();
    for (const row of this.queue.values()) {
      found.set(row.laneId, Math.min(row.pass, found.get(row.laneId) ?? Number.POSITIVE_INFINITY));
    }
    return [...found]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([laneId, pass]) => {
        const lane = this.lanes.get(laneId);
        return lane === undefined ? [] : [{ ...lane, pass }];
      });
  }

  /** What could be reserved in a lane, in order. */
  private freeIn(laneId: string) {
    const nowMs = this.nowMs();
    return [...this.queue.values()]
      .filter((row) => row.laneId === laneId && (row.takenUntilMs === undefined || row.takenUntilMs < nowMs))
      .sort(
        (a, b) =>
          a.priority - b.priority ||
          a.pass - b.pass ||
          (a.runId < b.runId ? -1 : a.runId > b.runId ? 1 : a.position - b.position),
      );
  }

  /** lane-heads.sql */
  laneHeads(laneIds: readonly string[]): Map<string, { priority: number }> {
    return new Map(
      laneIds.flatMap((laneId) => {
        const [first] = this.freeIn(laneId);
        return first === undefined ? [] : [[laneId, { priority: first.priority }] as const];
      }),
    );
  }

  /** reserve.sql; `skips` stands for rows that another transaction holds locked at this moment. */
  reserve(laneId: string, limit: number, level: number, skips: () => boolean): WaitingTask[] {
    const free = this.freeIn(laneId)
      .filter((row) => row.priority <= level && !skips())
      .slice(0, limit);
    const takenUntilMs = this.nowMs() + 5000;
    for (const row of free) row.takenUntilMs = takenUntilMs;
    return free.map(({ projectId, runId, position, leaseMs, avoid, pass }) => ({
      projectId,
      runId,
      position,
      leaseMs,
      avoid,
      pass,
    }));
  }

  /** release.sql */
  release(tasks: readonly WaitingTask[]): void {
    for (const task of tasks) {
      const row = this.queue.get(`${task.runId} ${task.position}`);
      if (row !== undefined) row.takenUntilMs = undefined;
    }
  }

  /** renew.sql, for one session; `leaseNow` was read when the statement began or ran. */
  renew(renewal: Renewal, leaseNow: number): boolean {
    const row = this.sessions.get(renewal.agentId);
    if (row?.session !== renewal.session) return false;
    row.renewedMs = leaseNow;
    return true;
  }

  /** ended-leases.sql */
  endedLeases(limit: number): OverdueAttempt[] {
    const leaseNow = this.leaseNow();
    return this.overdue(limit, (one) => this.leaseEndMs(one) <= leaseNow);
  }

  /** overdue-backstops.sql */
  overdueBackstops(limit: number): OverdueAttempt[] {
    const nowMs = this.nowMs();
    return this.overdue(limit, (one) => one.backstopMs !== undefined && one.backstopMs <= nowMs);
  }

  /** due-timers.sql */
  dueTimers(limit: number): DueTimer[] {
    const nowMs = this.nowMs();
    return [...this.timers.values()]
      .filter((timer) => timer.dueMs <= nowMs)
      .sort((a, b) => a.dueMs - b.dueMs)
      .slice(0, limit);
  }

  /** previous-outcome.sql */
  previousOutcome(runId: string): RunState | undefined {
    const me = this.runs.get(runId);
    const before = [...this.runs.values()].filter(
      (run) => run.workflowId === me?.workflowId && run.number < me.number && run.endedMs !== undefined,
    );
    return before.toSorted((a, b) => b.number - a.number)[0]?.state;
  }

  /** drop-timer.sql */
  dropTimer({ runId, position, kind }: DueTimer): void {
    if (this.runs.has(runId)) return;
    for (const timer of this.timers.values()) {
      if (timer.kind === "child_start" && timer.body?.["runId"] === runId) return;
    }
    this.timers.delete(`${runId} ${position} ${kind}`);
  }

  /** overdue-runs.sql */
  overdueRuns(limit: number): { projectId: string; runId: string }[] {
    const nowMs = this.nowMs();
    const found: { projectId: string; runId: string }[] = [];
    for (const run of this.runs.values()) {
      if ((run.state === "running" || run.state === "queued") && (run.deadlineMs ?? Infinity) <= nowMs) {
        found.push({ projectId: run.projectId, runId: run.id });
      }
    }
    return found.slice(0, limit);
  }

  /** session-live.sql */
  liveOf(agentId: string): HeldRow[] {
    const rows: HeldRow[] = [];
    for (const one of this.live.values()) {
      if (one.agentId !== agentId) continue;
      rows.push({
        attemptId: one.id,
        runId: one.runId,
        position: one.position,
        epoch: one.epoch,
        session: one.session,
        seq: one.seq,
        started: one.state !== "offered",
        cancelling: this.runs.get(one.runId)?.tasks[one.position]?.s === "cancelling",
      });
    }
    return rows;
  }

  private overdue(limit: number, isOver: (one: StoredLive) => boolean): OverdueAttempt[] {
    const found: OverdueAttempt[] = [];
    for (const one of this.live.values()) {
      if (!isOver(one)) continue;
      const projectId = this.runs.get(one.runId)?.projectId ?? "";
      found.push({ projectId, runId: one.runId, position: one.position, attemptId: one.id, epoch: one.epoch });
      if (found.length >= limit) break;
    }
    return found;
  }

  /** limit-states.sql */
  limitStates(refs: readonly LimitRef[]): LimitStates {
    const nowMs = this.nowMs();
    return new Map(
      refs.map((ref) => {
        const row = this.limits.get(limitNameOf(ref.key) ?? "");
        let used = 0;
        for (const hold of this.holds.values()) {
          if (hold.key === ref.key && hold.projectId === ref.projectId && (hold.untilMs ?? Infinity) > nowMs)
            used += hold.weight;
        }
        return [limitRefKey(ref), { capacity: row?.capacity, perMs: row?.perMs, used }];
      }),
    );
  }

  /** group-state.sql */
  groupState(ref: LimitRef): HeldGroup {
    const rows = [...this.groups.values()].filter((row) => row.key === ref.key && row.projectId === ref.projectId);
    const active = rows.filter((row) => row.state === "active").map((row) => row.runId);
    return {
      active: active.length,
      waiting: rows.filter((row) => row.state === "waiting").length,
      holders: active.sort().slice(0, 5),
    };
  }

  /** admissible-runs.sql */
  admissibleRuns(limit: number): { projectId: string; runId: string }[] {
    const found: { projectId: string; runId: string }[] = [];
    const taken = new Map<string, number>();
    for (const row of [...this.groups.values()].sort((a, b) => (a.runId < b.runId ? -1 : 1))) {
      if (row.state !== "waiting" || this.runs.get(row.runId)?.state !== "queued") continue;
      const key = `${row.projectId} ${row.key}`;
      const used = taken.get(key) ?? this.groupState(row).active;
      if (used >= row.capacity) continue;
      taken.set(key, used + 1);
      found.push({ projectId: row.projectId, runId: row.runId });
    }
    return found.slice(0, limit);
  }

  /** tell-events.sql */
  tellEvents(limit: number): number {
    const untold = this.events.filter((event) => !event.told).slice(0, limit);
    for (const event of untold) {
      event.told = true;
      this.triggers.fireByEvent(event);
      for (const timer of [...this.timers.values()]) {
        if (timer.awaits !== `event:${event.type}`) continue;
        const key = `${timer.runId} ${timer.position} event:${event.id}`;
        if (this.timers.has(key)) continue;
        const { projectId, runId, position } = timer;
        const kind = `event:${event.id}` as const;
        this.timers.set(key, {
          projectId,
          runId,
          position,
          kind,
          dueMs: this.nowMs(),
          body: { event: event.body },
          awaits: undefined,
        });
      }
    }
    if (untold.length > 0) this.onChange();
    return untold.length;
  }

  /** events-since.sql */
  eventsSince(look: { type: string; sinceMs: number; afterSeq: number; limit: number }): {
    readonly bodies: readonly JsonObject[];
    readonly lastSeq: number;
  } {
    const found = this.events
      .filter((one) => one.type === look.type && one.seq > look.afterSeq && one.receivedMs >= look.sinceMs)
      .slice(0, look.limit);
    return { bodies: found.map((one) => one.body), lastSeq: found.at(-1)?.seq ?? look.afterSeq };
  }
}
