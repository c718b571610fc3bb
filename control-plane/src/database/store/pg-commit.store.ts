// The commit stage's rows in PostgreSQL.
import type pg from "pg";
import type { BatchRow } from "../../commit/batch-columns.ts";
import type { BatchRows } from "../../commit/batch.ts";
import type { WorkflowEdition } from "../../commit/commit.ts";
import type { AskedDedupe, CommitStore, FoundAttempt, FoundKey, HeldGroup, RunKey } from "../../commit/commit.store.ts";
import type { LimitRef, LimitStates } from "../../engine/limit.ts";
import { compilePlan, type Plan } from "../../engine/plan.ts";
import type { Run } from "../../engine/snapshot.ts";
import { commitForm } from "../commit-statement.ts";
import { isUnavailable, type Pools } from "../pool.ts";
import { encoders, isRowPart, rowParts, rowTypesOf } from "../row-types.ts";
import { statement } from "../sql.ts";
import { readLimitStates } from "./limit-states.ts";
import { runFromRows, type LiveRow, type RunRow, type TaskRow } from "./load-run.ts";

interface LoadedRow {
  readonly run: RunRow;
  readonly tasks: readonly TaskRow[] | null;
  readonly live: readonly LiveRow[] | null;
  readonly project: string;
}

interface EditionRow {
  readonly digest: string;
  readonly canonical: string;
}

/** The order in which runs are written, whoever writes them (`commit-batch.sql` B2). */
const byRun = (a: BatchRow<"advances">, b: BatchRow<"advances">): number => ((a.r ?? "") < (b.r ?? "") ? -1 : 1);

export class PgCommitStore implements CommitStore {
  private readonly hot: pg.Pool;
  private readonly pool: pg.Pool;
  private readonly plans = new Map<string, Plan>();

  constructor(pools: Pick<Pools, "hot" | "engine">) {
    this.hot = pools.hot;
    this.pool = pools.engine;
  }

  write(rows: BatchRows): Promise<ReadonlyMap<string, number | undefined>> {
    return this.onHot((client) => writeBatch(client, rows));
  }

  private async onHot<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.hot.connect();
    let isBroken = false;
    try {
      await rowTypesOf(client).catch((error: unknown) => {
        isBroken = true;
        throw error;
      });
      return await work(client);
    } catch (error) {
      // A refused value leaves the connection as good as it was; halving the batch needs it at once.
      isBroken ||= isUnavailable(error);
      throw error;
    } finally {
      client.release(isBroken);
    }
  }

  /** One transaction that holds the locks; the row types were made before it, so that a rollback cannot take them. */
  private underLocks<T>(refs: readonly LimitRef[], work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return this.onHot(async (client) => {
      await client.query("BEGIN");
      try {
        await client.query(statement("limit-lock", [refs.map((ref) => ref.projectId), refs.map((ref) => ref.key)]));
        const result = await work(client);
        await client.query("COMMIT");
        return result;
      } catch (error) {
        await client.query("ROLLBACK");
        throw error;
      }
    });
  }

  withLimits<T>(
    refs: readonly LimitRef[],
    work: (states: LimitStates, write: CommitStore["write"]) => Promise<T>,
  ): Promise<T> {
    return this.underLocks(refs, async (client) => {
      const states = await readLimitStates(client, refs);
      return work(states, (rows) => writeBatch(client, rows));
    });
  }

  withGroup<T>(ref: LimitRef, work: (state: HeldGroup, write: CommitStore["write"]) => Promise<T>): Promise<T> {
    return this.underLocks([ref], async (client) => {
      const { rows } = await client.query<HeldGroup>(statement("group-state", [ref.projectId, ref.key]));
      return work(rows[0] ?? { active: 0, waiting: 0, holders: [] }, (batch) => writeBatch(client, batch));
    });
  }

  async loadRuns(keys: readonly RunKey[]): Promise<readonly Run[]> {
    const result = await this.pool.query<LoadedRow>(
      statement("load-runs", [keys.map((key) => key.projectId), keys.map((key) => key.runId)]),
    );
    const missing = result.rows.filter((row) => !this.plans.has(row.run.digest));
    if (missing.length > 0) await this.loadEditions(missing.map((row) => row.run));
    return result.rows.flatMap((row) => {
      const plan = this.plans.get(row.run.digest);
      return plan === undefined ? [] : [runFromRows(row, plan)];
    });
  }

  async findKeys(
    keys: readonly { readonly projectId: string; readonly caller: string; readonly key: string }[],
  ): Promise<readonly FoundKey[]> {
    const result = await this.pool.query<{
      project_id: string;
      caller: string;
      key: string;
      request_sha256: string;
      run_id: string | null;
    }>(
      statement("find-keys", [
        keys.map((one) => one.projectId),
        keys.map((one) => one.caller),
        keys.map((one) => one.key),
      ]),
    );
    return result.rows.map((row) => ({
      projectId: row.project_id,
      caller: row.caller,
      key: row.key,
      requestSha256: row.request_sha256,
      runId: row.run_id ?? undefined,
    }));
  }

  async findDedupes(asked: readonly AskedDedupe[]): Promise<readonly (string | undefined)[]> {
    const rows = asked.map(({ projectId: p, workflowId: w, key: k, idempotency }, n) => ({
      ...{ n, p, w, k },
      ...(idempotency === undefined ? {} : { c: idempotency.caller, i: idempotency.key, h: idempotency.requestSha256 }),
    }));
    const result = await this.pool.query<{ n: number; r: string }>(statement("find-dedupes", [JSON.stringify(rows)]));
    const found = new Map(result.rows.map(({ n, r }) => [n, r]));
    return asked.map((_, n) => found.get(n));
  }

  async findAttempts(
    projectId: string,
    agentId: string,
    attemptIds: readonly string[],
  ): Promise<readonly FoundAttempt[]> {
    const result = await this.pool.query<{ id: string; run_id: string; position: number }>(
      statement("find-attempts", [attemptIds.map(() => projectId), [...attemptIds], attemptIds.map(() => agentId)]),
    );
    return result.rows.map((row) => ({ attemptId: row.id, runId: row.run_id, position: row.position }));
  }

  remember(edition: WorkflowEdition): void {
    if (!this.plans.has(edition.digest)) this.plans.set(edition.digest, compilePlan(edition.digest, edition.document));
  }

  async pools(projectId: string): Promise<ReadonlyMap<string, string>> {
    const result = await this.pool.query<{ id: string; name: string }>(statement("pools-of-project", [projectId]));
    return new Map(result.rows.map((row) => [row.name, row.id]));
  }

  private async loadEditions(runs: readonly RunRow[]): Promise<void> {
    const result = await this.pool.query<EditionRow>(
      statement("find-editions", [
        runs.map((run) => run.project_id),
        runs.map((run) => run.workflow_id),
        runs.map((run) => run.digest),
      ]),
    );
    for (const row of result.rows) {
      // Written by deploy, which checked it; the digest names exactly this text.
      this.plans.set(row.digest, compilePlan(row.digest, JSON.parse(row.canonical) as Plan["document"]));
    }
  }
}

async function writeBatch(client: pg.PoolClient, rows: BatchRows): Promise<ReadonlyMap<string, number | undefined>> {
  const rare: Readonly<Record<string, readonly object[]>> = {
    sessionFences: [...rows.sessionFences.values()],
    laneFences: [...rows.laneFences.values()],
    lanes: rows.lanes,
    holds: rows.holds,
    frees: rows.frees,
    groups: rows.groups,
    groupsLeft: rows.groupsLeft,
    cacheEnds: rows.cacheEnds,
    dedupes: rows.dedupes,
  };
  const parts = [
    ...rowParts.filter((name) => rows[name].length > 0),
    ...Object.keys(rare).filter((name) => rare[name]?.length !== 0),
  ];
  const form = commitForm([...parts, ...rows.kinds].sort());
  const types = await rowTypesOf(client);
  const values = form.parameters.map((name) =>
    isRowPart(name)
      ? encoders[name].encode(name === "advances" ? rows.advances.toSorted(byRun) : rows[name], types[name])
      : JSON.stringify(rare[name]),
  );
  const result = await client.query<{ r: string; number: string | null }>({ name: form.name, text: form.text, values });
  return new Map(result.rows.map((row) => [row.r, row.number === null ? undefined : Number(row.number)]));
}
