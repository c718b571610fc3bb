// Dispatch, leases and timers in PostgreSQL.
import type { RunState } from "@capstan/proto";
import type pg from "pg";
import type { ClockSample } from "../../dispatch/database-clock.ts";
import type {
  DispatchStore,
  DueTimer,
  OverdueAttempt,
  WaitingLane,
  WaitingTask,
} from "../../dispatch/dispatch.store.ts";
import type { Renewal } from "../../dispatch/leases.ts";
import type { Lane } from "../../dispatch/sessions.ts";
import type { LimitRef, LimitStates } from "../../engine/limit.ts";
import { statement } from "../sql.ts";
import { readLimitStates } from "./limit-states.ts";

interface PlaceRow {
  readonly project_id: string;
  readonly run_id: string;
  readonly position: number;
}

interface LaneRow {
  readonly project_id: string;
  readonly id: string;
  readonly pool_id: string;
  readonly pass: number;
  readonly selector: Omit<Lane, "projectId" | "laneId" | "poolId">;
}

/** Above every priority that a row can have. */
const lowestLevel = 32_767;

export class PgDispatchStore implements DispatchStore {
  private readonly pool: pg.Pool;

  constructor(engine: pg.Pool) {
    this.pool = engine;
  }

  limitStates(refs: readonly LimitRef[]): Promise<LimitStates> {
    return readLimitStates(this.pool, refs);
  }

  async lanesWithWork(): Promise<readonly WaitingLane[]> {
    const { rows } = await this.pool.query<LaneRow>(statement("lanes-with-work", []));
    return rows.map((row) => ({
      projectId: row.project_id,
      laneId: row.id,
      poolId: row.pool_id,
      ...row.selector,
      pass: row.pass,
    }));
  }

  async reserve(laneId: string, limit: number, level = lowestLevel): Promise<readonly WaitingTask[]> {
    const { rows } = await this.pool.query<
      PlaceRow & { lease_ms: string; avoid_agents: string[] | null; pass: number }
    >(statement("reserve", [laneId, limit, level]));
    return rows.map((row) => ({
      ...placeOf(row),
      leaseMs: Number(row.lease_ms),
      avoid: row.avoid_agents ?? [],
      pass: row.pass,
    }));
  }

  async laneHeads(laneIds: readonly string[]): Promise<ReadonlyMap<string, { readonly priority: number }>> {
    const { rows } = await this.pool.query<{ lane_id: string; priority: number }>(statement("lane-heads", [laneIds]));
    return new Map(rows.map((row) => [row.lane_id, { priority: row.priority }]));
  }

  async raiseWaiting(limit: number): Promise<number> {
    const result = await this.pool.query(statement("raise-waiting", [limit]));
    return result.rowCount ?? 0;
  }

  async release(tasks: readonly WaitingTask[]): Promise<void> {
    await this.pool.query(
      statement("release", [
        tasks.map((task) => task.projectId),
        tasks.map((task) => task.runId),
        tasks.map((task) => task.position),
      ]),
    );
  }

  async tick(): Promise<ClockSample> {
    const { rows } = await this.pool.query<{ counted_ms: string; incarnation: number; database_ms: string }>(
      statement("tick", []),
    );
    const [row] = rows;
    if (row === undefined) throw new Error("lease_clock has no row");
    return { countedMs: Number(row.counted_ms), incarnation: row.incarnation, databaseMs: Number(row.database_ms) };
  }

  async renew(renewals: readonly Renewal[]): Promise<ReadonlySet<string>> {
    const { rows } = await this.pool.query<{ agent_id: string }>(
      statement("renew", [
        renewals.map((one) => one.projectId),
        renewals.map((one) => one.agentId),
        renewals.map((one) => one.session),
        renewals.map((one) => one.heartbeat),
      ]),
    );
    return new Set(rows.map((row) => row.agent_id));
  }

  endedLeases(limit: number): Promise<readonly OverdueAttempt[]> {
    return this.overdue("ended-leases", limit);
  }

  overdueBackstops(limit: number): Promise<readonly OverdueAttempt[]> {
    return this.overdue("overdue-backstops", limit);
  }

  async pausedWorkflows(): Promise<readonly string[]> {
    const { rows } = await this.pool.query<{ id: string }>(statement("paused-workflows", []));
    return rows.map((row) => row.id);
  }

  async admissibleRuns(limit: number): Promise<readonly { readonly projectId: string; readonly runId: string }[]> {
    const { rows } = await this.pool.query<{ project_id: string; run_id: string }>(
      statement("admissible-runs", [limit]),
    );
    return rows.map((row) => ({ projectId: row.project_id, runId: row.run_id }));
  }

  async dueTimers(limit: number): Promise<readonly DueTimer[]> {
    const { rows } = await this.pool.query<PlaceRow & { kind: DueTimer["kind"]; body: DueTimer["body"] | null }>(
      statement("due-timers", [limit]),
    );
    return rows.map((row) => ({ ...placeOf(row), kind: row.kind, body: row.body ?? undefined }));
  }

  async dropTimer(timer: DueTimer): Promise<void> {
    await this.pool.query(statement("drop-timer", [timer.projectId, timer.runId, timer.position, timer.kind]));
  }

  async previousOutcome(projectId: string, runId: string): Promise<RunState | undefined> {
    const { rows } = await this.pool.query<{ state: RunState }>(statement("previous-outcome", [projectId, runId]));
    return rows[0]?.state;
  }

  async overdueRuns(limit: number): Promise<readonly { readonly projectId: string; readonly runId: string }[]> {
    const { rows } = await this.pool.query<{ project_id: string; id: string }>(statement("overdue-runs", [limit]));
    return rows.map((row) => ({ projectId: row.project_id, runId: row.id }));
  }

  private async overdue(name: string, limit: number): Promise<readonly OverdueAttempt[]> {
    const { rows } = await this.pool.query<PlaceRow & { attempt_id: string; epoch: string }>(statement(name, [limit]));
    return rows.map((row) => ({ ...placeOf(row), attemptId: row.attempt_id, epoch: Number(row.epoch) }));
  }
}

const placeOf = (row: PlaceRow): { projectId: string; runId: string; position: number } => ({
  projectId: row.project_id,
  runId: row.run_id,
  position: row.position,
});
