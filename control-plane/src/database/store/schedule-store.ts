// Schedules in PostgreSQL. The rounds of the loop are the engine's and cross projects; what people ask is of one project.
import type { MissReason } from "@capstan/proto";
import type pg from "pg";
import type { DueTimer } from "../../dispatch/dispatch.store.ts";
import type {
  DecidedSchedule,
  DueScheduleRow,
  MissRecord,
  ScheduleRecord,
  ScheduleStore,
  StartBody,
  TakenSchedules,
} from "../../schedule/schedule.store.ts";
import { newSchedules } from "../../schedule/spec.ts";
import type { CanonicalWorkflow } from "@capstan/proto";
import { inTransaction, withProject } from "../pool.ts";
import { statement } from "../sql.ts";
import { appendAudit } from "./audit-append.ts";

const msOf = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

interface DueRow {
  readonly project_id: string;
  readonly project: string;
  readonly workflow_id: string;
  readonly workflow: string;
  readonly trigger_id: string;
  readonly digest: string;
  readonly spec: string;
  readonly next_tick_ms: number;
  readonly paused: boolean;
  readonly workflow_paused: boolean;
  readonly last_run_id: string | null;
  readonly last_cancels: readonly string[] | null;
  readonly going: boolean;
  readonly waiting: number;
  readonly now_ms: number;
}
interface RecordRow {
  readonly workflow: string;
  readonly trigger_id: string;
  readonly digest: string;
  readonly spec: string;
  readonly next_tick_ms: number | null;
  readonly due_ms: number | null;
  readonly last_tick_ms: number | null;
  readonly last_run: string | null;
  readonly pause: { readonly actor: string; readonly reason: string; readonly atMs: number } | null;
  readonly workflow_paused: boolean;
}

const dueRow = (row: DueRow): DueScheduleRow => ({
  projectId: row.project_id,
  project: row.project,
  workflowId: row.workflow_id,
  workflow: row.workflow,
  trigger: row.trigger_id,
  digest: row.digest,
  spec: row.spec,
  nextTickMs: row.next_tick_ms,
  isPaused: row.paused,
  isWorkflowPaused: row.workflow_paused,
  lastRunId: row.last_run_id ?? undefined,
  lastCancels: row.last_cancels ?? [],
  isGoing: row.going,
  waiting: row.waiting,
});

export class PgScheduleStore implements ScheduleStore {
  private readonly engine: pg.Pool;
  private readonly api: pg.Pool;

  constructor(engine: pg.Pool, api: pg.Pool) {
    this.engine = engine;
    this.api = api;
  }

  takeDue(limit: number, decide: (row: DueScheduleRow, nowMs: number) => DecidedSchedule): Promise<TakenSchedules> {
    return inTransaction(this.engine, async (client) => {
      const { rows } = await client.query<DueRow>(statement("due-schedules", [limit]));
      const decided = rows.map((row) => decide(dueRow(row), row.now_ms));
      if (decided.length > 0) await client.query(statement("decide-schedules", parametersOf(decided)));
      const next = await client.query<{ ms: number | null }>(
        `SELECT ${msOf("min(due_at) - clock_timestamp()")} AS ms FROM schedules WHERE due_at > clock_timestamp()`,
      );
      return {
        count: rows.length,
        starts: decided.flatMap(({ row, starts }) =>
          starts.map(({ runId, body }): DueTimer => ({
            projectId: row.projectId,
            runId,
            position: -1,
            kind: "schedule_start",
            body,
          })),
        ),
        nextInMs: next.rows[0]?.ms ?? undefined,
      };
    });
  }

  async isGoing(projectId: string, runId: string): Promise<boolean> {
    const { rows } = await this.engine.query<{ going: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM runs WHERE project_id = $1 AND id = $2 AND ended_at IS NULL)
           OR EXISTS (SELECT 1 FROM timers WHERE project_id = $1 AND run_id = $2 AND kind = 'schedule_start') AS going`,
      [projectId, runId],
    );
    return rows[0]?.going === true;
  }

  async postpone({ projectId, runId, position, kind }: DueTimer, byMs: number): Promise<void> {
    await this.engine.query(
      `UPDATE timers SET due_at = clock_timestamp() + $5::int * interval '1 millisecond'
        WHERE project_id = $1 AND run_id = $2 AND position = $3 AND kind = $4`,
      [projectId, runId, position, kind, byMs],
    );
  }

  async refuse({ projectId, runId }: DueTimer, reason: MissReason, detail?: string): Promise<boolean> {
    const { rows } = await this.engine.query<{ gone: number }>(
      statement("refuse-start", [projectId, runId, reason, detail?.slice(0, 1000) ?? null]),
    );
    return (rows[0]?.gone ?? 0) > 0;
  }

  async list(projectId: string, workflow?: string): Promise<readonly ScheduleRecord[]> {
    return this.records(projectId, workflow, undefined);
  }

  async find(projectId: string, workflow: string, trigger: string): Promise<ScheduleRecord | undefined> {
    return (await this.records(projectId, workflow, trigger))[0];
  }

  private records(
    projectId: string,
    workflow: string | undefined,
    trigger: string | undefined,
  ): Promise<readonly ScheduleRecord[]> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<RecordRow>(
        `SELECT w.name AS workflow, s.trigger_id, s.digest, s.spec, ${msOf("s.next_tick_at")} AS next_tick_ms,
                ${msOf("s.due_at")} AS due_ms, ${msOf("s.last_tick_at")} AS last_tick_ms, s.pause,
                w.pause IS NOT NULL AS workflow_paused,
                (SELECT r.workflow_name || '-' || r.number FROM runs r WHERE r.project_id = s.project_id AND r.id = s.last_run_id) AS last_run
           FROM schedules s JOIN workflows w ON w.project_id = s.project_id AND w.id = s.workflow_id
          WHERE s.project_id = $1 AND w.retired_at IS NULL
            AND ($2::text IS NULL OR w.name = $2) AND ($3::text IS NULL OR s.trigger_id = $3)
          ORDER BY w.name, s.trigger_id`,
        [projectId, workflow ?? null, trigger ?? null],
      );
      return rows.map((row) => ({
        workflow: row.workflow,
        trigger: row.trigger_id,
        digest: row.digest,
        spec: row.spec,
        nextTickMs: row.next_tick_ms ?? undefined,
        dueMs: row.due_ms ?? undefined,
        lastTickMs: row.last_tick_ms ?? undefined,
        lastRun: row.last_run ?? undefined,
        pause: row.pause ?? undefined,
        isWorkflowPaused: row.workflow_paused,
      }));
    });
  }

  misses(
    projectId: string,
    { workflow, trigger }: { readonly workflow: string; readonly trigger: string },
    limit: number,
  ): Promise<readonly MissRecord[]> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<{
        tick: number;
        reason: MissReason;
        detail: string | null;
        recorded: number;
      }>(
        `SELECT ${msOf("m.tick_at")} AS tick, m.reason, m.detail, ${msOf("m.recorded_at")} AS recorded
           FROM schedule_misses m JOIN workflows w ON w.project_id = m.project_id AND w.id = m.workflow_id
          WHERE m.project_id = $1 AND w.name = $2 AND m.trigger_id = $3 ORDER BY m.tick_at DESC LIMIT $4`,
        [projectId, workflow, trigger, limit],
      );
      return rows.map(({ tick, reason, detail, recorded }) => ({
        tickMs: tick,
        reason,
        detail: detail ?? undefined,
        recordedMs: recorded,
      }));
    });
  }

  setPause(
    projectId: string,
    { workflow, trigger }: { readonly workflow: string; readonly trigger: string },
    pause: { readonly actor: string; readonly reason: string } | undefined,
    actor: string,
  ): Promise<boolean | undefined> {
    return withProject(this.api, projectId, async (client) => {
      const found = await client.query<{ workflow_id: string; paused: boolean }>(
        `SELECT s.workflow_id, s.pause IS NOT NULL AS paused
           FROM schedules s JOIN workflows w ON w.project_id = s.project_id AND w.id = s.workflow_id
          WHERE s.project_id = $1 AND w.name = $2 AND s.trigger_id = $3 AND w.retired_at IS NULL FOR UPDATE OF s`,
        [projectId, workflow, trigger],
      );
      const [row] = found.rows;
      if (row === undefined) return undefined;
      if (row.paused === (pause !== undefined)) return false;
      await client.query(
        `UPDATE schedules SET pause = $4::jsonb || jsonb_build_object('atMs', ${msOf("clock_timestamp()")})
          WHERE project_id = $1 AND workflow_id = $2 AND trigger_id = $3`,
        [projectId, row.workflow_id, trigger, pause === undefined ? null : JSON.stringify(pause)],
      );
      const detail = pause === undefined ? { paused: false } : { paused: true, reason: pause.reason };
      await appendAudit(client, projectId, {
        actor,
        action: "schedules:write",
        subject: `${workflow}.${trigger}`,
        detail,
      });
      return true;
    });
  }
}

/** In the order of their keys, so that no two rounds wait for each other. */
function parametersOf(decided: readonly DecidedSchedule[]): string[] {
  const schedules = decided.map(({ row, starts, nextTickMs, nextDueMs }) => {
    const last = starts.at(-1);
    return {
      p: row.projectId,
      w: row.workflowId,
      t: row.trigger,
      nt: nextTickMs,
      nd: nextDueMs,
      lt: last?.body.tickMs,
      lr: last?.runId,
    };
  });
  const starts = decided.flatMap(({ row, starts: asked }) =>
    asked.map(({ runId, body }: { readonly runId: string; readonly body: StartBody }) => ({
      p: row.projectId,
      r: runId,
      b: body,
      aw: body.after === undefined ? undefined : `schedule:${row.workflowId}:${row.trigger}`,
    })),
  );
  const missed = decided.flatMap(({ row, missed: ticks }) =>
    ticks.map(({ tickMs, reason, detail }) => ({
      p: row.projectId,
      w: row.workflowId,
      t: row.trigger,
      at: tickMs,
      re: reason,
      de: detail,
    })),
  );
  return [schedules, starts, missed].map((rows) => JSON.stringify(rows));
}

/**
 * Gives a workflow the schedules of the version that has become active, in the transaction of its deploy. One that is as
 * it was keeps its next tick and its pause; those that the version does not have go.
 */
export async function syncSchedules(
  client: pg.PoolClient,
  at: { readonly projectId: string; readonly workflowId: string; readonly digest: string },
  document: CanonicalWorkflow,
): Promise<void> {
  const made = newSchedules(document);
  const { projectId, workflowId, digest } = at;
  await client.query("DELETE FROM schedules WHERE project_id = $1 AND workflow_id = $2 AND trigger_id <> ALL ($3)", [
    projectId,
    workflowId,
    made.map(({ trigger }) => trigger),
  ]);
  if (made.length === 0) return;
  const time = await client.query<{ ms: number }>(`SELECT ${msOf("clock_timestamp()")} AS ms`);
  const nowMs = time.rows[0]?.ms ?? 0;
  for (const { trigger, spec, nextAfter } of made) {
    const next = nextAfter(nowMs);
    await client.query(
      `INSERT INTO schedules (project_id, workflow_id, trigger_id, digest, spec, next_tick_at, due_at)
       VALUES ($1, $2, $3, $4, $5, to_timestamp($6::float8 / 1000), to_timestamp($7::float8 / 1000))
       ON CONFLICT (project_id, workflow_id, trigger_id) DO UPDATE SET digest = excluded.digest, spec = excluded.spec,
         next_tick_at = CASE WHEN schedules.spec = excluded.spec THEN schedules.next_tick_at ELSE excluded.next_tick_at END,
         due_at = CASE WHEN schedules.spec = excluded.spec THEN schedules.due_at ELSE excluded.due_at END`,
      [projectId, workflowId, trigger, digest, spec, next?.tickMs ?? null, next?.dueMs ?? null],
    );
  }
}
