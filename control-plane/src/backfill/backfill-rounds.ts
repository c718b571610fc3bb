// The rounds of the backfill loop. Any number of replicas make them; each value becomes one run or one recorded outcome.
//  L1. A look holds the backfill's row. In one transaction, runs that have ended are settled, the next values are taken, and
//      each run that is asked for becomes a row of `timers`: no more than may go on at once.
//  L2. The commit that makes the run deletes that row (commit-batch.sql B8); where it has gone, no run is made. So a
//      process that dies before the commit leaves the row, which another replica finds three seconds later.
//  L3. The end of a run in this replica is a hint to look; without it the look comes by itself.
import type { Logger } from "pino";
import { ticksOf, type Ticks } from "@capstan/proto";
import type { Commit } from "../commit/commit.ts";
import type { CommitSignals } from "../commit/commit-signals.ts";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import { Loop } from "../dispatch/loop.ts";
import { decideBackfill, placesOf } from "../engine/backfill.ts";
import { scheduleTrigger } from "../schedule/tick-inputs.ts";
import type { WorkflowEditions } from "../workflow/editions.ts";
import type { BackfillDecision, BackfillStore, LockedBackfill } from "./backfill.store.ts";

/** Values that one look takes at most. */
const takesMax = 200;
/** Backfills that one round looks at, at most. */
const looksMax = 50;

export interface BackfillRoundsParts {
  readonly store: BackfillStore;
  readonly starter: { start(timer: DueTimer): Promise<unknown> };
  readonly commit: Pick<Commit, "submit">;
  readonly signals: Pick<CommitSignals, "onRunEnd">;
  readonly editions: Pick<WorkflowEditions, "byId">;
  readonly newId: () => string;
  readonly log: Logger;
}

export class BackfillRounds {
  private readonly parts: BackfillRoundsParts;
  private readonly hinted = new Set<string>();

  constructor(parts: BackfillRoundsParts) {
    this.parts = parts;
  }

  /** True: there may be more. `wake` is called when a run of a backfill has ended here. */
  async round(wake: () => void = () => undefined): Promise<boolean> {
    for (let looks = 0; looks < looksMax; looks++) {
      const hinted = [...this.hinted];
      const looked = await this.parts.store.look(hinted, (row, existing) => this.decide(row, existing));
      if (looked === undefined) {
        // Those that were hinted at have ended, or another replica looks at them.
        for (const id of hinted) this.hinted.delete(id);
        return false;
      }
      await Promise.all([
        ...looked.starts.map((timer) => this.start(timer, wake)),
        ...looked.cancels.map((run) => this.cancel(run)),
      ]);
    }
    return true;
  }

  private async decide(
    row: LockedBackfill,
    existing: (ticks: readonly number[]) => Promise<ReadonlySet<number>>,
  ): Promise<BackfillDecision> {
    this.hinted.delete(row.id);
    try {
      return await this.decided(row, existing);
    } catch (error) {
      // It stays as it is, and keeps the others from nothing.
      this.parts.log.error({ err: error, backfill: row.id, project: row.project }, "a backfill could not be decided");
      return { takes: [], starts: [], state: row.state, more: false };
    }
  }

  private async decided(
    row: LockedBackfill,
    existing: (ticks: readonly number[]) => Promise<ReadonlySet<number>>,
  ): Promise<BackfillDecision> {
    const { what, newestFirst, cursor } = row;
    const isTaking = row.state === "running" && row.open < row.maxParallel;
    const found =
      row.state === "running"
        ? placesOf(what, await this.ticks(row), { after: cursor, newestFirst, max: isTaking ? takesMax + 1 : 1 })
        : [];
    const candidates = isTaking ? found.slice(0, takesMax) : [];
    const next = decideBackfill({
      ...row,
      candidates,
      isLast: found.length === candidates.length,
      existing: row.skipExisting && candidates.length > 0 ? await existing(candidates.map(({ at }) => at)) : new Set(),
    });
    let ordinal = row.taken;
    const starts = next.takes.flatMap(({ place, isSkipped }) => {
      const own = ordinal++;
      if (isSkipped) return [];
      const body = {
        project: row.project,
        backfill: row.id,
        ordinal: own,
        workflowId: row.workflowId,
        workflow: row.workflow,
        digest: row.digest,
        kind: what.kind,
        ...place,
        ...(what.kind === "ticks" ? { trigger: what.trigger } : {}),
      };
      return [{ runId: this.parts.newId(), body }];
    });
    return { ...next, starts };
  }

  private async ticks(row: LockedBackfill): Promise<Ticks | undefined> {
    const { what } = row;
    if (what.kind !== "ticks") return undefined;
    const edition = await this.parts.editions.byId(
      { id: row.projectId, name: row.project },
      row.workflowId,
      row.digest,
    );
    const trigger = edition === undefined ? undefined : scheduleTrigger(edition.document, what.trigger);
    if (trigger === undefined) throw new Error(`there is no schedule ${row.workflow}.${what.trigger} in its version`);
    return ticksOf(trigger.schedule, edition?.document.calendars);
  }

  private async start(timer: DueTimer, wake: () => void): Promise<void> {
    const { backfill } = timer.body ?? {};
    const stop = this.parts.signals.onRunEnd(timer.runId, () => {
      if (typeof backfill === "string") this.hinted.add(backfill);
      wake();
    });
    try {
      await this.parts.starter.start(timer);
    } catch (error) {
      stop();
      // The row is still there, and the timers' loop tries again.
      this.parts.log.warn({ err: error, run: timer.runId }, "a run of a backfill could not be started at once");
    }
  }

  private async cancel({ projectId, runId }: { readonly projectId: string; readonly runId: string }): Promise<void> {
    await this.parts.commit
      .submit(projectId, runId, {
        kind: "cancel_run",
        actor: "backfill",
        reason: "its backfill was cancelled",
        force: false,
      })
      .catch((error: unknown) => {
        // The next look asks again.
        this.parts.log.warn({ err: error, run: runId }, "a run of a backfill could not be cancelled at once");
      });
  }
}

/** Every replica has one. */
export function backfillLoop(rounds: BackfillRounds, log: Logger): Loop {
  const loop: Loop = new Loop({ name: "backfills", everyMs: 500, log, round: () => rounds.round(() => loop.wake()) });
  return loop;
}
