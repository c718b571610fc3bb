// Who reads which attempt's log now, and news for them. Coalesced hints: readers page what is stored.
import { uuidFromId, type AttemptId, type AttemptPair } from "@capstan/proto";

export class LogWatch {
  private readonly readers = new Map<string, Set<() => void>>();

  /** Calls after segments of the attempt were committed in this replica. Returns the end of the watch. */
  watch(attemptId: string, onNews: () => void): () => void {
    const set = this.readers.get(attemptId) ?? new Set();
    set.add(onNews);
    this.readers.set(attemptId, set);
    return () => {
      set.delete(onNews);
      if (set.size === 0) this.readers.delete(attemptId);
    };
  }

  tell(attemptId: string): void {
    const set = this.readers.get(attemptId);
    if (set !== undefined) for (const onNews of set) onNews();
  }

  /** Those of the attempts whose log somebody reads: their agent flushes at once instead of each second. */
  among(held: readonly AttemptPair[]): AttemptId[] {
    if (this.readers.size === 0) return [];
    return held.flatMap(([attempt]) => (this.readers.has(uuidFromId("att", attempt) ?? "") ? [attempt] : []));
  }
}
