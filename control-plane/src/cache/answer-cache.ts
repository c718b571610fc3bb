// The answer to a task run that asks for its key of the cache (engine/cache.ts C1): what its timer `cache` brings.
import type { JsonObject } from "@capstan/proto";
import type { DueTimer } from "../dispatch/dispatch.store.ts";
import type { CacheStore } from "./cache.store.ts";

export async function answerCache(store: CacheStore, timer: DueTimer): Promise<JsonObject> {
  const { projectId, runId, position } = timer;
  // Written by the engine, which wrote a text and a number.
  const { key, ttlMs } = timer.body ?? {};
  const answer = await store.ask({ projectId, runId, position, key: String(key), ttlMs: Number(ttlMs) });
  switch (answer.kind) {
    case "found":
      return { outputs: answer.outputs, runId: answer.runId, run: answer.runName };
    case "taken":
      return {};
    case "held":
      return { holder: { ...answer.by } };
  }
}
