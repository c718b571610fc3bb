// What was just committed, told to whoever waits for it in this replica. A hint like every notice: those who must not
// miss anything read the rows.
import type { RunState } from "@capstan/proto";
import type { Run } from "../engine/snapshot.ts";

export const COMMIT_SIGNALS = Symbol("CommitSignals");

export class CommitSignals {
  private readonly ends = new Map<string, Set<(state: RunState) => void>>();
  private readonly anything = new Set<() => void>();
  private readonly room: (() => void)[] = [];
  private readonly due = new Set<() => void>();

  /** Calls once when the run ends, unless cancelled before. The caller must look whether it ended already. */
  onRunEnd(runId: string, listener: (state: RunState) => void): () => void {
    const listeners = this.ends.get(runId) ?? new Set();
    listeners.add(listener);
    this.ends.set(runId, listeners);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.ends.delete(runId);
    };
  }

  /** Calls after every commit that wrote history. */
  onHistory(listener: () => void): () => void {
    this.anything.add(listener);
    return () => this.anything.delete(listener);
  }

  /** Calls after a commit by which a run left its concurrency group: another may be admitted. */
  onRoom(listener: () => void): void {
    this.room.push(listener);
  }

  tellRoom(): void {
    for (const listener of this.room) listener();
  }

  /** Calls after every commit that wrote a timer which is due already. */
  onDue(listener: () => void): () => void {
    this.due.add(listener);
    return () => this.due.delete(listener);
  }

  /** For the commit loop alone. */
  tell(run: Run): void {
    if (run.endedMs === undefined) return;
    const listeners = this.ends.get(run.id);
    if (listeners === undefined) return;
    this.ends.delete(run.id);
    for (const listener of listeners) listener(run.state);
  }

  tellDue(): void {
    for (const listener of this.due) listener();
  }

  /** @param isDue whether a timer was written that is due already */
  tellHistory(isDue: boolean): void {
    if (isDue) this.tellDue();
    for (const listener of this.anything) listener();
  }
}
