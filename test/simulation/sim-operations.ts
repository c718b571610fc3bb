// `operations` and `operation_runs`: what operation.store.ts writes, statement by statement.
import type { OperationAction } from "@capstan/proto";
import type { ClaimedRun, OperationOptions, RunOutcome } from "../../control-plane/src/operation/operation.store.ts";
import type { SimTables } from "./sim-tables.ts";

interface StoredOperation {
  readonly id: string;
  readonly projectId: string;
  readonly action: OperationAction;
  readonly options: OperationOptions;
  readonly actor: string;
  readonly runs: Map<string, OperationRun>;
}

interface OperationRun {
  claimedUntilMs: number | undefined;
  outcome: RunOutcome["outcome"] | undefined;
  detail: string | undefined;
}

export class SimOperations {
  readonly all: StoredOperation[] = [];
  private readonly database: SimTables;

  constructor(database: SimTables) {
    this.database = database;
  }

  create(operation: Omit<StoredOperation, "runs">, runIds: readonly string[]): void {
    if (this.all.some((one) => one.id === operation.id)) return;
    const open = (): OperationRun => ({ claimedUntilMs: undefined, outcome: undefined, detail: undefined });
    this.all.push({ ...operation, runs: new Map(runIds.map((runId) => [runId, open()])) });
    this.database.onChange();
  }

  get hasOpen(): boolean {
    return this.all.some(({ runs }) => [...runs.values()].some((one) => one.outcome === undefined));
  }

  /** Time until one can be claimed; infinite where none is open. */
  nextInMs(): number {
    const nowMs = this.database.nowMs();
    let next = Number.POSITIVE_INFINITY;
    for (const { runs } of this.all)
      for (const { outcome, claimedUntilMs } of runs.values())
        if (outcome === undefined) next = Math.min(next, (claimedUntilMs ?? nowMs) - nowMs);
    return next;
  }

  claim(limit: number, claimMs: number): ClaimedRun[] {
    const nowMs = this.database.nowMs();
    const claimed: ClaimedRun[] = [];
    for (const { id, projectId, action, options, actor, runs } of this.all) {
      for (const [runId, one] of runs) {
        if (claimed.length === limit) return claimed;
        if (one.outcome !== undefined || (one.claimedUntilMs ?? 0) >= nowMs) continue;
        one.claimedUntilMs = nowMs + claimMs;
        claimed.push({ projectId, project: "default", operationId: id, runId, action, options, actor, caller: actor });
      }
    }
    return claimed;
  }

  settle(outcomes: readonly RunOutcome[]): void {
    for (const { run, outcome, detail } of outcomes) {
      const one = this.all.find(({ id }) => id === run.operationId)?.runs.get(run.runId);
      if (one === undefined || one.outcome !== undefined) continue;
      one.outcome = outcome;
      one.detail = detail;
      one.claimedUntilMs = undefined;
      this.database.world.count(`operation: ${run.action} ${outcome}`);
    }
  }
}
