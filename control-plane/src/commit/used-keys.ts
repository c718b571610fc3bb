// Starts that were refused because a key of theirs was taken: an idempotency key, by the same request or by another one, or a
// dedupe key, by a run that goes on.
import type { CommitStore } from "./commit.store.ts";
import type { PendingRun } from "./pending.ts";

/** Answers those whose key was taken, and marks them by a negative count of refusals; the others were refused by another fence. */
export async function answerUsedKeys(store: CommitStore, refused: readonly PendingRun[]): Promise<void> {
  await answerReplays(store, refused);
  await answerDedupes(store, refused);
}

async function answerReplays(store: CommitStore, refused: readonly PendingRun[]): Promise<void> {
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

/** Where the run of the key has ended meanwhile, the start is decided again. */
async function answerDedupes(store: CommitStore, refused: readonly PendingRun[]): Promise<void> {
  const asking = refused.flatMap((pending) => {
    const { start, projectId } = pending;
    const { dedupeKey, edition, idempotency } = start?.request ?? {};
    return start === undefined || edition === undefined || dedupeKey === undefined || pending.refusals < 0
      ? []
      : [{ pending, start, asked: { projectId, workflowId: edition.workflowId, key: dedupeKey, idempotency } }];
  });
  if (asking.length === 0) return;
  const found = await store.findDedupes(asking.map(({ asked }) => asked));
  asking.forEach(({ pending, start }, at) => {
    const runId = found[at];
    if (runId === undefined) return;
    pending.refusals = -1;
    start.resolve({ kind: "deduped", runId });
  });
}
