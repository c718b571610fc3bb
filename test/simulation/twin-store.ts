// PostgreSQL and the simulated database as one store: each statement goes to both, and what they answer is compared. What
// is told on is PostgreSQL's answer. Statements go one after another, so that both see them in one order; decisions are
// made whenever the caller makes them, so that stale ones are refused by both.
import type { BatchRows } from "../../control-plane/src/commit/batch.ts";
import type { WorkflowEdition } from "../../control-plane/src/commit/commit.ts";
import type {
  AskedDedupe,
  CommitStore,
  FoundAttempt,
  FoundKey,
  HeldGroup,
  RunKey,
} from "../../control-plane/src/commit/commit.store.ts";
import { runFromRows } from "../../control-plane/src/database/store/load-run.ts";
import { compilePlan } from "../../control-plane/src/engine/plan.ts";
import type { LimitRef, LimitStates } from "../../control-plane/src/engine/limit.ts";
import type { Run } from "../../control-plane/src/engine/snapshot.ts";
import { rowsOf } from "./run-rows.ts";
import type { SimDatabase } from "./sim-database.ts";

/** Beginning of the simulated database's time, Unix ms. */
const epochMs = 1_750_000_000_000;

export class TwinStore implements CommitStore {
  /** Batches that went to both. */
  batches = 0;
  /** Runs of them that both refused. */
  refused = 0;
  /** Parts of the statement that some batch had. */
  readonly parts = new Set<string>();
  private readonly real: CommitStore;
  private readonly simulated: SimDatabase;
  private readonly check: (what: string, real: unknown, simulated: unknown) => void;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    real: CommitStore,
    simulated: SimDatabase,
    check: (what: string, real: unknown, simulated: unknown) => void,
  ) {
    this.real = real;
    this.simulated = simulated;
    this.check = check;
  }

  /** Does something with both, after everything that was asked for before. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(() => {
      this.setClock();
      return work();
    });
    this.last = mine.catch(() => undefined);
    return mine;
  }

  /** The simulated database has the time of day. */
  setClock(): void {
    this.simulated.world.nowMs = Date.now() - epochMs;
  }

  write(rows: BatchRows): Promise<ReadonlyMap<string, number | undefined>> {
    return this.alone(() => this.writeBoth(rows, (batch) => this.real.write(batch)));
  }

  withLimits<T>(
    refs: readonly LimitRef[],
    work: (states: LimitStates, write: CommitStore["write"]) => Promise<T>,
  ): Promise<T> {
    return this.alone(() =>
      this.real.withLimits(refs, (states, write) => {
        this.check("limits", states, this.simulated.limitStates(refs));
        return work(states, (rows) => this.writeBoth(rows, write));
      }),
    );
  }

  withGroup<T>(ref: LimitRef, work: (state: HeldGroup, write: CommitStore["write"]) => Promise<T>): Promise<T> {
    return this.alone(() =>
      this.real.withGroup(ref, (state, write) => {
        this.check("group", state, this.simulated.groupState(ref));
        return work(state, (rows) => this.writeBoth(rows, write));
      }),
    );
  }

  loadRuns(keys: readonly RunKey[]): Promise<readonly Run[]> {
    return this.alone(async () => {
      const loaded = await this.real.loadRuns(keys);
      const { runs } = this.simulated;
      for (const run of loaded) {
        const stored = runs.get(run.id);
        const other = stored === undefined ? undefined : runFromRows(rowsOf(stored, this.simulated), stored.plan);
        // The simulated database has one project, and plans are equal where their digests are.
        const shown = (one: Run | undefined): object => ({ ...one, project: "", plan: one?.plan.digest });
        this.check(`run ${run.id}`, shown(run), shown(other));
      }
      const there = keys.filter(({ runId }) => runs.has(runId)).length;
      this.check("runs that are there", new Set(loaded.map(({ id }) => id)).size, there);
      return loaded;
    });
  }

  findKeys(
    keys: readonly { readonly projectId: string; readonly caller: string; readonly key: string }[],
  ): Promise<readonly FoundKey[]> {
    return this.alone(async () => {
      const found = await this.real.findKeys(keys);
      const known = keys.flatMap(({ projectId, caller, key }) => {
        const one = this.simulated.keys.get(`${projectId} ${caller} ${key}`);
        return one === undefined ? [] : [`${key} ${one.runId} ${one.requestSha256}`];
      });
      this.check(
        "keys",
        new Set(found.map(({ key, runId, requestSha256 }) => `${key} ${runId ?? ""} ${requestSha256}`)),
        new Set(known),
      );
      return found;
    });
  }

  findDedupes(asked: readonly AskedDedupe[]): Promise<readonly (string | undefined)[]> {
    return this.alone(async () => {
      const found = await this.real.findDedupes(asked);
      this.check("dedupe keys", found, this.simulated.dedupes.find(asked));
      return found;
    });
  }

  findAttempts(projectId: string, agentId: string, attemptIds: readonly string[]): Promise<readonly FoundAttempt[]> {
    return this.alone(() => this.real.findAttempts(projectId, agentId, attemptIds));
  }

  remember(edition: WorkflowEdition): void {
    this.real.remember(edition);
    const { plans } = this.simulated;
    if (!plans.has(edition.digest)) plans.set(edition.digest, compilePlan(edition.digest, edition.document));
  }

  pools(projectId: string): Promise<ReadonlyMap<string, string>> {
    return this.real.pools(projectId);
  }

  private async writeBoth(
    rows: BatchRows,
    write: CommitStore["write"],
  ): Promise<ReadonlyMap<string, number | undefined>> {
    const snapshot = this.simulated.beginBatch(rows);
    const accepted = await write(rows);
    this.batches++;
    for (const [part, given] of Object.entries(rows))
      if (Array.isArray(given) ? given.length > 0 : given instanceof Map && given.size > 0) this.parts.add(part);
    for (const kind of rows.kinds) this.parts.add(kind);
    this.refused += rows.advances.length + rows.starts.length - accepted.size;
    this.check("accepted", new Map(accepted), this.simulated.commitBatch(rows, snapshot));
    return accepted;
  }
}
