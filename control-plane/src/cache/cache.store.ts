// The port of the cache to its rows.
import type { JsonObject } from "@capstan/proto";

export interface CacheAsk {
  readonly projectId: string;
  readonly runId: string;
  readonly position: number;
  readonly key: string;
  /** No older than this. */
  readonly ttlMs: number;
}

/** What a task run is told that asks for its key. */
export type CacheAnswer =
  | { readonly kind: "found"; readonly outputs: JsonObject; readonly runId: string; readonly runName: string }
  /** It holds the key now, and is to work. */
  | { readonly kind: "taken" }
  /** Another one is at work; undefined where it has just ended. */
  | { readonly kind: "held"; readonly by: { readonly run: string; readonly task: string } | undefined };

export interface CacheStore {
  /** Looks for a result, takes the key where there is none, or tells who has it. May be asked again: the answer is as new. */
  ask(ask: CacheAsk): Promise<CacheAnswer>;
}
