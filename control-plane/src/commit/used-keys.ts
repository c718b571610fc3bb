// Starts that were refused because their idempotency key had been used: by the same request, or by another one.
import type { CommitStore } from "./commit.store.ts";
import type { PendingRun } from "./pending.ts";

/** Answers those whose key was used, and marks them by a negative count of refusals; the others were refused by another fence. */
export async function answerUsedKeys(store: CommitStore, refused: readonly PendingRun[]): Promise<void> {
  const keyed = refused.flatMap((pending) =>
    pending.start?.request.idempotency === undefined
      ? []
      : [{ pending, start: pending.start, ...pending.start.request.idempotency }],
  );
  if (keyed.length === 0) return;
  const found = await store.findKeys(
    keyed.map(({ pending, caller, key }) => ({ projectId: pending.projectId, caller, key })),
  );
  for (const one of keyed) {
    const used = found.find(
      (row) => row.projectId === one.pending.projectId && row.caller === one.caller && row.key === one.key,
    );
    if (used === undefined) continue; // refused by another fence
    one.pending.refusals = -1;
    one.start.resolve(
      used.requestSha256 === one.requestSha256 && used.runId !== undefined
        ? { kind: "replayed", runId: used.runId }
        : { kind: "key_reused" },
    );
  }
}
