// The table `run_dedupe_keys`, with the meaning of `find-dedupes.sql` and of the part of commit-batch.sql that writes it (B11).
import type { DedupeRow } from "../../control-plane/src/commit/batch.ts";
import type { AskedDedupe } from "../../control-plane/src/commit/commit.store.ts";
import type { SimTables } from "./sim-tables.ts";

export class SimDedupes {
  /** Runs by project, workflow and key. */
  readonly rows = new Map<string, string>();
  private readonly database: SimTables;

  constructor(database: SimTables) {
    this.database = database;
  }

  /** Runs that their key refuses. */
  take(asking: readonly DedupeRow[], refused: ReadonlySet<string>): ReadonlySet<string> {
    const { keys, runs } = this.database;
    const taken = new Set<string>();
    const left = new Set<string>();
    for (const { p, w, k, r, c, i } of asking) {
      const place = `${p} ${w} ${k}`;
      left.add(r);
      if (refused.has(r) || taken.has(place) || (i !== undefined && keys.has(`${p} ${c} ${i}`))) continue;
      taken.add(place);
      const before = this.rows.get(place);
      if (before !== undefined && runs.get(before)?.endedMs === undefined) continue;
      this.rows.set(place, r);
      left.delete(r);
    }
    return left;
  }

  find(asked: readonly AskedDedupe[]): readonly (string | undefined)[] {
    const { keys, runs } = this.database;
    return asked.map(({ projectId, workflowId, key, idempotency }) => {
      const place = `${projectId} ${workflowId} ${key}`;
      const runId = this.rows.get(place);
      if (runId === undefined) return undefined;
      const run = runs.get(runId);
      if (run === undefined) this.rows.delete(place);
      if (run === undefined || run.endedMs !== undefined) return undefined;
      if (idempotency !== undefined) {
        const used = `${projectId} ${idempotency.caller} ${idempotency.key}`;
        if (!keys.has(used)) keys.set(used, { requestSha256: idempotency.requestSha256, runId });
      }
      return runId;
    });
  }
}
