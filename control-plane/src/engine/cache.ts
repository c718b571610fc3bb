// `cache`: a task run that takes what an equal one gave before (docs/language.md, "Cache";
// docs/decisions/0027-a-cache-is-asked-by-a-timer.md).
//  C1. What is known of other runs is asked of the database: the task run is `queued`, in no queue, with the timer `cache`,
//      which comes back with an answer: what was found, who is at work on an equal key, or that this one is to work.
//  C2. Single flight: at most one live task run holds a key. Its end, whatever it is, frees the key and tells those that
//      wait, in the same commit. Those that wait look again by themselves as well, so a word that was missed costs seconds.
//  C3. Only what an attempt brought to success is kept. A mark, a re-used or a cached success is not.
import {
  AppError,
  canonicalJson,
  evaluateTree,
  formatTime,
  scopeFor,
  sha256Hex,
  type CanonicalCache,
  type DynamicJson,
  type Failure,
  type JsonObject,
  type JsonValue,
} from "@capstan/proto";
import { filesIn, usesCode, type ReusedFrom } from "./again.ts";
import { controlContext } from "./context.ts";
import type { Draft } from "./draft.ts";
import { hold } from "./pause.ts";
import { timeQueued } from "./task-timers.ts";
import type { Verdict } from "./verdict.ts";

const defaultTtlMs = 24 * 3_600_000;
/** How often one that waits looks by itself. */
export const lookAgainMs = 10_000;

/** What a timer of those that wait for a key is found by. */
const awaitsKey = (key: string): string => `cache:${key}`;

/** The end of a task run that asked for a key: what it held is free, and what it brought is kept. */
export interface CacheEnd {
  readonly position: number;
  readonly key: string;
  readonly kept?: { readonly outputs: JsonObject; readonly files: readonly string[]; readonly ttlMs: number };
}

/** Begins to ask. A key that cannot be made is what the task fails of. */
export function askCache(draft: Draft, position: number, cache: CanonicalCache): Failure | undefined {
  let key: string;
  try {
    key = keyOf(draft, position, cache);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { class: "expression", code: "expression_failed", message: `the key of its cache: ${error.message}` };
  }
  draft.move(position, "queued", {
    queuedMs: draft.around.nowMs,
    dueMs: undefined,
    suspension: { kind: "cache", key, held: false },
    reason: { code: "limit_reached", evidence: { limit: "cache" } },
  });
  timeQueued(draft, position);
  look(draft, position, key, draft.around.nowMs);
  return undefined;
}

function look(draft: Draft, position: number, key: string, dueMs: number): void {
  const ttlMs = draft.planTask(position).task.cache?.ttlMs ?? defaultTtlMs;
  draft.setTimer(position, "cache", dueMs, { body: { key, ttlMs }, awaits: awaitsKey(key) });
}

/** An answer (`cache`), or the word that a key is free (`cache_free`). */
export function hearCache(
  draft: Draft,
  position: number,
  timer: "cache" | "cache_free",
  body: JsonObject = {},
): Verdict | "changed" {
  const task = draft.task(position);
  const { suspension } = task ?? {};
  if (task?.state !== "queued" || suspension?.kind !== "cache" || suspension.held) return { kind: "nothing" };
  if (timer === "cache_free") {
    look(draft, position, suspension.key, draft.around.nowMs);
    return "changed";
  }
  const { outputs, run, runId, holder } = body;
  if (isObject(outputs) && typeof run === "string" && typeof runId === "string") {
    const from: ReusedFrom = { run, runId };
    draft.set(position, { flags: { ...task.flags, cached: from }, reason: undefined });
    draft.tell({ type: "task.cached", task: draft.nameOf(position), detail: { run } });
    return { kind: "succeeded", outputs };
  }
  if (isObject(holder)) {
    const nextMs = draft.around.nowMs + lookAgainMs;
    const evidence = { limit: "cache", ...holder, looksAgain: formatTime(nextMs) };
    draft.set(position, { reason: { code: "limit_reached", evidence } });
    look(draft, position, suspension.key, nextMs);
    return "changed";
  }
  draft.set(position, { suspension: { ...suspension, held: true }, reason: undefined });
  if (draft.run.state === "paused") hold(draft, position);
  else draft.ready.push(position);
  return "changed";
}

/** When a task run has ended, however it did. */
export function leaveCache(draft: Draft, position: number): void {
  const task = draft.task(position);
  if (task?.suspension?.kind !== "cache") return;
  const { key, held } = task.suspension;
  const { cache } = draft.planTask(position).task;
  const isOwn = held && task.state === "succeeded" && task.flags?.marked === undefined;
  const outputs = task.outputs ?? {};
  const kept = { outputs, files: [...filesIn(outputs)], ttlMs: cache?.ttlMs ?? defaultTtlMs };
  draft.set(position, { suspension: undefined });
  if (!held) draft.clearTimer(position, "cache");
  draft.cacheEnds.push({ position, key, ...(isOwn ? { kept } : {}) });
}

/**
 * What makes two task runs equal: the scope, the action as it is written and what it declares to give, its code, and the
 * key of the author; without one, every value that its agent is given.
 */
function keyOf(draft: Draft, position: number, cache: CanonicalCache): string {
  const { run } = draft;
  const planTask = draft.planTask(position);
  const { task } = planTask;
  const scope = scopeFor(run.plan.document, planTask.key, cache.key === undefined ? "task" : "control");
  // Which attempt it is makes no difference.
  const context = { ...controlContext(draft, position), attempt: { number: 1, id: "", epoch: 1 } };
  const asked =
    cache.key === undefined ? { action: task.action, with: task.with ?? {}, env: task.env ?? {} } : cache.key;
  // JSON with expressions, by the schema.
  const given = evaluateTree(asked as unknown as DynamicJson, context, { scope });
  return sha256Hex(
    canonicalJson({
      scope: cache.scope === "project" ? "project" : run.workflowId,
      // JSON too; its types say only what it has.
      action: task.action as unknown as JsonValue,
      outputs: (task.outputs ?? {}) as unknown as JsonValue,
      code: usesCode(task) ? (run.plan.document.code?.bundle ?? "") : "",
      given: byContent(given),
    }),
  );
}

/** A file counts by its bytes, whatever it is called. */
function byContent(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((one: JsonValue) => byContent(one));
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) =>
      name === "$file" && isObject(one) ? [name, one["sha256"] ?? null] : [name, byContent(one)],
    ),
  );
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
