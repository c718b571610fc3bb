// Backfills in PostgreSQL: asked for by the request role, worked off by the engine's, which sees all projects.
import { idFromUuid, type BackfillRunOutcome, type BackfillState, type JsonObject } from "@capstan/proto";
import type pg from "pg";
import type {
  BackfillDecision,
  BackfillPage,
  BackfillRecord,
  BackfillRunRecord,
  BackfillStart,
  BackfillStartBody,
  BackfillStore,
  LockedBackfill,
  LookedAt,
  NewBackfill,
  RetryMade,
} from "../../backfill/backfill.store.ts";
import type { DueTimer } from "../../dispatch/dispatch.store.ts";
import type { Once, OnceKey } from "../../http/once-key.ts";
import { inTransaction, withProject } from "../pool.ts";
import { appendAudit } from "./audit-append.ts";
import {
  backfillColumns,
  backfillFrom,
  backfillRunsText,
  type BackfillRow,
  type BackfillRunRow,
  type LockedRow,
  type StartRow,
} from "./backfill-rows.ts";
import { once } from "./once.ts";
import { tellEndpoints } from "./tell-endpoints.ts";

/** How long a look is good for where no run's end is heard of. */
const lookAgainMs = 1_000;
const ticksMax = 200_000;

export class PgBackfillStore implements BackfillStore {
  private readonly engine: pg.Pool;
  private readonly api: pg.Pool;

  constructor(engine: pg.Pool, api: pg.Pool) {
    this.engine = engine;
    this.api = api;
  }

  /** By the engine's role: row-level security would keep the range from the index. */
  async existing(projectId: string, workflowId: string, [fromMs, toMs]: readonly [number, number]): Promise<number[]> {
    const { rows } = await this.engine.query<{ at: number }>(
      `SELECT DISTINCT (r.trigger -> 'scheduledMs')::float8 AS at FROM runs r
        WHERE r.workflow_id = $2 AND r.project_id = $1 AND r.trigger ? 'scheduledMs'
          AND r.trigger -> 'scheduledMs' >= to_jsonb($3::bigint) AND r.trigger -> 'scheduledMs' < to_jsonb($4::bigint)
        LIMIT ${ticksMax}`,
      [projectId, workflowId, fromMs, toMs],
    );
    return rows.map(({ at }) => at);
  }

  create(projectId: string, backfill: NewBackfill, key: OnceKey | undefined): Promise<Once<{ readonly id: string }>> {
    return withProject(this.api, projectId, (client) =>
      once(client, projectId, key, async () => {
        await insert(client, projectId, backfill);
        const detail = { backfill: "start", runs: backfill.total };
        await audit(client, projectId, backfill.id, backfill.actor, detail);
        return { id: backfill.id };
      }),
    );
  }

  retry(
    projectId: string,
    id: string,
    { id: newId, actor }: { readonly id: string; readonly actor: string },
    key: OnceKey | undefined,
  ): Promise<Once<RetryMade>> {
    return withProject(this.api, projectId, (client) =>
      once(client, projectId, key, async (): Promise<RetryMade> => {
        const failed = await client.query<{ run: string; name: string }>(
          `SELECT o.run_id AS run, r.workflow_name || '-' || r.number AS name
             FROM backfill_runs o JOIN runs r ON r.project_id = o.project_id AND r.id = o.run_id
            WHERE o.project_id = $1 AND o.backfill_id = $2 AND o.outcome IN ('failed', 'timed_out', 'cancelled')
            ORDER BY o.ordinal`,
          [projectId, id],
        );
        const count = failed.rows.length;
        if (count === 0) return { kind: "nothing" };
        const items = failed.rows.map(({ run, name }) => ({ run: idFromUuid("run", run), name }));
        await client.query(
          `INSERT INTO backfills (project_id, id, workflow_id, digest, what, items, inputs, labels, newest_first, max_parallel,
             skip_existing, total, state, actor, look_at, origin_id)
           SELECT project_id, $3, workflow_id, digest, jsonb_build_object('kind', 'runs', 'count', $4::int), $5::jsonb, '{}', '{}',
             newest_first, max_parallel, false, $4::int, 'running', $6, clock_timestamp(), id
           FROM backfills WHERE project_id = $1 AND id = $2`,
          [projectId, id, newId, count, JSON.stringify(items), actor],
        );
        await audit(client, projectId, newId, actor, { backfill: "retry", of: idFromUuid("bf", id), runs: count });
        return { kind: "made", id: newId, count };
      }),
    );
  }

  list(
    projectId: string,
    filter: { readonly workflow: string | undefined; readonly states: readonly BackfillState[] | undefined },
    page: BackfillPage,
  ): Promise<readonly BackfillRecord[]> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<BackfillRow>(
        `SELECT ${backfillColumns} FROM ${backfillFrom}
          WHERE b.project_id = $1 AND ($2::text IS NULL OR w.name = $2) AND ($3::text[] IS NULL OR b.state = ANY ($3))
            AND ($4::uuid IS NULL OR b.id < $4)
          ORDER BY b.id DESC LIMIT $5`,
        [projectId, filter.workflow ?? null, filter.states ?? null, page.after ?? null, page.limit],
      );
      return rows;
    });
  }

  find(projectId: string, id: string): Promise<BackfillRecord | undefined> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<BackfillRow>(
        `SELECT ${backfillColumns} FROM ${backfillFrom} WHERE b.project_id = $1 AND b.id = $2`,
        [projectId, id],
      );
      return rows[0];
    });
  }

  runs(
    projectId: string,
    id: string,
    outcomes: readonly BackfillRunOutcome[] | undefined,
    page: { readonly limit: number; readonly after: number | undefined },
  ): Promise<readonly BackfillRunRecord[]> {
    return withProject(this.api, projectId, async (client) => {
      const { rows } = await client.query<BackfillRunRow>(backfillRunsText, [
        projectId,
        id,
        outcomes ?? null,
        page.after ?? null,
        page.limit,
      ]);
      return rows;
    });
  }

  steer(
    projectId: string,
    id: string,
    { from, to, pause, actor, action }: Parameters<BackfillStore["steer"]>[2],
  ): Promise<{ readonly state: BackfillState; readonly changed: boolean } | undefined> {
    return withProject(this.api, projectId, async (client) => {
      const found = await client.query<{ state: BackfillState }>(
        "SELECT state FROM backfills WHERE project_id = $1 AND id = $2 FOR UPDATE",
        [projectId, id],
      );
      const state = found.rows[0]?.state;
      if (state === undefined) return undefined;
      if (!from.includes(state)) return { state, changed: false };
      await client.query(
        `UPDATE backfills SET state = $3, pause = $4, look_at = clock_timestamp()
          WHERE project_id = $1 AND id = $2`,
        [projectId, id, to, pause === undefined ? null : JSON.stringify(pause)],
      );
      const reason = pause === undefined || pause.reason === "" ? {} : { reason: pause.reason };
      await audit(client, projectId, id, actor, { backfill: action, ...reason });
      return { state: to, changed: true };
    });
  }

  look(hinted: readonly string[], decide: Parameters<BackfillStore["look"]>[1]): Promise<LookedAt | undefined> {
    return inTransaction(this.engine, async (client) => {
      const found = await client.query<LockedRow>(
        `SELECT b.project_id, p.name AS project, b.id, b.workflow_id, w.name AS workflow, b.digest, b.what, b.newest_first,
                b.max_parallel, b.skip_existing, b.state, b.cursor::float8 AS cursor, b.taken
           FROM backfills b JOIN workflows w ON w.project_id = b.project_id AND w.id = b.workflow_id
           JOIN projects p ON p.id = b.project_id
          WHERE b.look_at IS NOT NULL AND (b.look_at <= clock_timestamp() OR b.id = ANY ($1::uuid[]))
          ORDER BY b.look_at LIMIT 1 FOR UPDATE OF b SKIP LOCKED`,
        [hinted],
      );
      const [row] = found.rows;
      if (row === undefined) return undefined;
      const place = [row.project_id, row.id];
      if (row.state === "cancelling") await takeBack(client, place);
      const { failed } = await settle(client, place);
      const open = await client.query<{ run: string; begun: boolean }>(
        `SELECT o.run_id AS run, EXISTS (SELECT 1 FROM runs r WHERE r.project_id = o.project_id AND r.id = o.run_id) AS begun
           FROM backfill_runs o WHERE o.project_id = $1 AND o.backfill_id = $2 AND o.outcome IS NULL`,
        place,
      );
      const locked = lockedBackfill(row, { open: open.rows.length, failed });
      const decision = await decide(locked, (ticks) => existingOf(client, row, ticks));
      const starts = await write(client, locked, decision);
      const going = row.state === "cancelling" ? open.rows.filter(({ begun }) => begun) : [];
      return { starts, cancels: going.map(({ run }) => ({ projectId: row.project_id, runId: run })) };
    });
  }

  async startOf(projectId: string, body: BackfillStartBody): Promise<BackfillStart | undefined> {
    const { rows } = await this.engine.query<StartRow>(
      `SELECT state, actor, inputs, labels, items -> $3::int AS item FROM backfills WHERE project_id = $1 AND id = $2`,
      [projectId, body.backfill, body.kind === "values" || body.kind === "runs" ? body.at : 0],
    );
    const [row] = rows;
    return row === undefined ? undefined : { ...row, item: row.item ?? undefined };
  }

  async postpone(
    start: DueTimer,
    byMs: number,
    why: { readonly code: string; readonly detail: string },
  ): Promise<void> {
    await this.engine.query(
      `WITH later AS (
         UPDATE timers SET due_at = clock_timestamp() + $5::int * interval '1 millisecond'
          WHERE project_id = $1 AND run_id = $2 AND position = $3 AND kind = $4 RETURNING body)
       UPDATE backfill_runs o SET code = $6, detail = $7 FROM later l
        WHERE o.project_id = $1 AND o.backfill_id = (l.body ->> 'backfill')::uuid AND o.ordinal = (l.body ->> 'ordinal')::int
          AND o.outcome IS NULL AND o.code IS DISTINCT FROM $6`,
      [start.projectId, start.runId, start.position, start.kind, byMs, why.code, why.detail],
    );
  }

  async refuse(
    { projectId, runId, position, kind, body }: DueTimer,
    outcome: "skipped" | "refused",
    { code, detail }: { readonly code: string; readonly detail: string },
  ): Promise<void> {
    const { backfill, ordinal } = body as BackfillStartBody; // written by the rounds
    await inTransaction(this.engine, async (client) => {
      await client.query("SELECT 1 FROM backfills WHERE project_id = $1 AND id = $2 FOR UPDATE", [projectId, backfill]);
      const gone = await client.query(
        "DELETE FROM timers WHERE project_id = $1 AND run_id = $2 AND position = $3 AND kind = $4",
        [projectId, runId, position, kind],
      );
      if (gone.rowCount === 0) return;
      await client.query(
        `UPDATE backfill_runs SET outcome = $4, code = $5, detail = $6, run_id = NULL
          WHERE project_id = $1 AND backfill_id = $2 AND ordinal = $3 AND outcome IS NULL`,
        [projectId, backfill, ordinal, outcome, code, detail.slice(0, 1000)],
      );
      await count(client, [projectId, backfill], { [outcome]: 1 });
    });
  }
}

const audit = (
  client: pg.PoolClient,
  projectId: string,
  id: string,
  actor: string,
  detail: Parameters<typeof appendAudit>[2]["detail"],
): Promise<void> =>
  appendAudit(client, projectId, { actor, action: "runs:start", subject: idFromUuid("bf", id), detail });

async function insert(client: pg.PoolClient, projectId: string, backfill: NewBackfill): Promise<void> {
  await client.query(
    `INSERT INTO backfills (project_id, id, workflow_id, digest, what, items, inputs, labels, newest_first, max_parallel,
       skip_existing, total, state, actor, look_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'running', $13, clock_timestamp())`,
    [
      projectId,
      backfill.id,
      backfill.workflowId,
      backfill.digest,
      JSON.stringify(backfill.what),
      backfill.items === undefined ? null : JSON.stringify(backfill.items),
      JSON.stringify(backfill.inputs),
      JSON.stringify(backfill.labels),
      backfill.newestFirst,
      backfill.maxParallel,
      backfill.skipExisting,
      backfill.total,
      backfill.actor,
    ],
  );
}

/** Starts of a backfill that is cancelled and that have not become runs become none. */
async function takeBack(client: pg.PoolClient, place: readonly string[]): Promise<void> {
  const taken = await client.query(
    `WITH gone AS (
       DELETE FROM timers t USING backfill_runs o
        WHERE o.project_id = $1 AND o.backfill_id = $2 AND o.outcome IS NULL
          AND t.project_id = o.project_id AND t.run_id = o.run_id AND t.position = -1 AND t.kind = 'backfill_start'
       RETURNING o.ordinal)
     UPDATE backfill_runs o SET outcome = 'cancelled', code = NULL, detail = NULL, run_id = NULL FROM gone
      WHERE o.project_id = $1 AND o.backfill_id = $2 AND o.ordinal = gone.ordinal`,
    [...place],
  );
  await count(client, place, { cancelled: taken.rowCount ?? 0 });
}

/** What became of runs that have ended. */
async function settle(client: pg.PoolClient, place: readonly string[]): Promise<{ readonly failed: number }> {
  const ended = await client.query<{ outcome: BackfillRunOutcome }>(
    `UPDATE backfill_runs o SET outcome = r.state, code = r.failure ->> 'code', detail = left(r.failure ->> 'message', 1000)
       FROM runs r
      WHERE o.project_id = $1 AND o.backfill_id = $2 AND o.outcome IS NULL
        AND r.project_id = o.project_id AND r.id = o.run_id AND r.ended_at IS NOT NULL
     RETURNING o.outcome`,
    [...place],
  );
  const counts: Partial<Record<BackfillRunOutcome, number>> = {};
  for (const { outcome } of ended.rows) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return { failed: await count(client, place, counts) };
}

/** Adds to the counts of a backfill under its lock. Answers how many have failed so far. */
async function count(
  client: pg.PoolClient,
  place: readonly string[],
  by: Partial<Record<BackfillRunOutcome, number>>,
): Promise<number> {
  const failed = (by.failed ?? 0) + (by.timed_out ?? 0) + (by.refused ?? 0);
  const { rows } = await client.query<{ failed: number }>(
    `UPDATE backfills SET succeeded = succeeded + $3, failed = failed + $4, cancelled = cancelled + $5, skipped = skipped + $6
      WHERE project_id = $1 AND id = $2 RETURNING failed + cancelled AS failed`,
    [...place, by.succeeded ?? 0, failed, by.cancelled ?? 0, by.skipped ?? 0],
  );
  return rows[0]?.failed ?? 0;
}

async function existingOf(
  client: pg.PoolClient,
  { project_id, workflow_id }: LockedRow,
  ticks: readonly number[],
): Promise<ReadonlySet<number>> {
  const { rows } = await client.query<{ at: number }>(
    `SELECT DISTINCT (r.trigger -> 'scheduledMs')::float8 AS at FROM runs r
      WHERE r.workflow_id = $2 AND r.project_id = $1 AND r.trigger ? 'scheduledMs'
        AND r.trigger -> 'scheduledMs' = ANY (SELECT to_jsonb(t) FROM unnest($3::bigint[]) AS t)`,
    [project_id, workflow_id, ticks],
  );
  return new Set(rows.map(({ at }) => at));
}

const lockedBackfill = (
  row: LockedRow,
  counted: { readonly open: number; readonly failed: number },
): LockedBackfill => ({
  projectId: row.project_id,
  project: row.project,
  id: row.id,
  workflowId: row.workflow_id,
  workflow: row.workflow,
  digest: row.digest,
  what: row.what,
  newestFirst: row.newest_first,
  maxParallel: row.max_parallel,
  skipExisting: row.skip_existing,
  state: row.state,
  cursor: row.cursor ?? undefined,
  taken: row.taken,
  ...counted,
});

async function write(
  client: pg.PoolClient,
  locked: LockedBackfill,
  decision: BackfillDecision,
): Promise<readonly DueTimer[]> {
  const { projectId, id, taken, open } = locked;
  const { takes, starts, state, more } = decision;
  const runOf = new Map(starts.map(({ runId, body }) => [body.ordinal, runId]));
  const rows = takes.map(({ place }, index) => ({ o: taken + index, at: place.at, r: runOf.get(taken + index) }));
  if (rows.length > 0) {
    await client.query(
      `INSERT INTO backfill_runs (project_id, backfill_id, ordinal, at, run_id, outcome, code)
       SELECT $1, $2, o, at, r, CASE WHEN r IS NULL THEN 'skipped' END, CASE WHEN r IS NULL THEN 'exists' END
         FROM json_to_recordset($3::json) AS t(o int, at bigint, r uuid)`,
      [projectId, id, JSON.stringify(rows)],
    );
  }
  if (starts.length > 0) {
    await client.query(
      `INSERT INTO timers (project_id, run_id, position, kind, due_at, body)
       SELECT $1, r, -1, 'backfill_start', clock_timestamp() + interval '3 seconds', b
         FROM json_to_recordset($2::json) AS t(r uuid, b jsonb)`,
      [projectId, JSON.stringify(starts.map(({ runId, body }) => ({ r: runId, b: body })))],
    );
  }
  // One that is paused is looked at until its runs have ended, so that its counts are true meanwhile.
  const isAtRest = state === "paused" && open === 0;
  const isOver = state === "succeeded" || state === "failed" || state === "cancelled";
  await client.query(
    `UPDATE backfills SET state = $3, cursor = coalesce($4, cursor), taken = taken + $5, skipped = skipped + $6,
       ended_at = CASE WHEN $7 THEN clock_timestamp() END,
       look_at = CASE WHEN NOT $7 AND NOT $9 THEN clock_timestamp() + $8::int * interval '1 millisecond' END
      WHERE project_id = $1 AND id = $2`,
    [
      projectId,
      id,
      state,
      takes.at(-1)?.place.at ?? null,
      takes.length,
      takes.filter(({ isSkipped }) => isSkipped).length,
      isOver,
      more ? 0 : lookAgainMs,
      isAtRest,
    ],
  );
  if (isOver) await tellEnd(client, projectId, id);
  return starts.map(({ runId, body }) => ({ projectId, runId, position: -1, kind: "backfill_start", body }));
}

async function tellEnd(client: pg.PoolClient, projectId: string, id: string): Promise<void> {
  const { rows } = await client.query<{ workflow: string; state: string; counts: JsonObject }>(
    `SELECT w.name AS workflow, b.state, jsonb_build_object('total', b.total, 'succeeded', b.succeeded, 'failed', b.failed,
              'cancelled', b.cancelled, 'skipped', b.skipped) AS counts
       FROM backfills b JOIN workflows w ON w.project_id = b.project_id AND w.id = b.workflow_id
      WHERE b.project_id = $1 AND b.id = $2`,
    [projectId, id],
  );
  const [row] = rows;
  if (row === undefined) return;
  const { workflow, state, counts } = row;
  const backfill = { id: idFromUuid("bf", id), workflow, state, ...counts };
  const subject = `backfills/${backfill.id}`;
  await tellEndpoints(client, projectId, { type: "backfill.finished", subject, workflow, data: { backfill } });
}
