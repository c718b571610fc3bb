// Snapshots of runs in this replica, the most recently used first to stay. A snapshot is only believed as long as the
// version in the database is its own; the commit statement compares.
import type { Run } from "../engine/snapshot.ts";

/** Roughly what a snapshot occupies: a fixed part and one per task run. */
const runWeight = 4;

/** Index task runs count from the time their list is known, so that the weight of a run does not have to be counted. */
const weightOf = (run: Run): number =>
  runWeight + run.tasks.length + run.groups.reduce((sum, group) => sum + group.size, 0);

export class SnapshotCache {
  private readonly runs = new Map<string, Run>();
  private weight = 0;
  private readonly weightMax: number;

  /** @param weightMax task runs held, default 200,000 (about 64 MiB) */
  constructor(weightMax = 200_000) {
    this.weightMax = weightMax;
  }

  get(runId: string): Run | undefined {
    const run = this.runs.get(runId);
    if (run === undefined) return undefined;
    this.runs.delete(runId);
    this.runs.set(runId, run);
    return run;
  }

  put(run: Run): void {
    this.drop(run.id);
    this.runs.set(run.id, run);
    this.weight += weightOf(run);
    for (const [id, oldest] of this.runs) {
      if (this.weight <= this.weightMax || id === run.id) break;
      this.runs.delete(id);
      this.weight -= weightOf(oldest);
    }
  }

  drop(runId: string): void {
    const run = this.runs.get(runId);
    if (run === undefined) return;
    this.runs.delete(runId);
    this.weight -= weightOf(run);
  }
}
