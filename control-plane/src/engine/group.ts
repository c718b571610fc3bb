// A mapped task run is a group: what its list came to, and how its indexes stand. Everything is counted from what one
// index does, so that ten thousand indexes cost per index what a hundred do; a reload counts the rows.
import {
  isTaskRunEnded,
  neededOf,
  type CanonicalTask,
  type JsonObject,
  type JsonValue,
  type TaskRunState,
} from "@capstan/proto";
import type { TaskRun } from "./snapshot.ts";

/** Where the index task runs of a mapped task are: position `base + index`. */
export interface GroupPlace {
  readonly position: number;
  readonly base: number;
  readonly size: number;
}

/** First in, first out, and never changed: a decision makes the next one. */
export interface IndexQueue {
  readonly out: Cell | undefined;
  readonly in: Cell | undefined;
}
interface Cell {
  readonly index: number;
  readonly next: Cell | undefined;
}

export interface MapState {
  readonly base: number;
  readonly items: readonly JsonValue[];
  /** Indexes that have a task run. Where it is no chain these are the first ones. */
  readonly made: number;
  /** Of these, not ended. */
  readonly open: number;
  /** Of these, those that count against `maxParallel`: they have an attempt, or are about to. */
  readonly busy: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cancelled: number;
  /** Indexes whose turn has come, but no place was free: those of a chain, and those that had given theirs back. */
  readonly turn: IndexQueue;
  /** No index begins any more: cancelled, or `failFast`. */
  readonly stopped: boolean;
  /** The first index that failed. */
  readonly first: FirstFailed | undefined;
  /** What the outputs of all indexes are as JSON. */
  readonly outputBytes: number;
}

export interface FirstFailed {
  readonly index: number;
  readonly attempt: number;
  readonly agentId: string | undefined;
}

export interface GroupCounts {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cancelled: number;
}

/** Outputs as JSON, in characters; nothing for none. */
export function outputBytesOf(outputs: JsonObject): number {
  return Object.keys(outputs).length === 0 ? 0 : JSON.stringify(outputs).length;
}

/** Outputs of all indexes of a mapped task, as JSON: they are in memory while the run goes on. */
export const resultsBytesMax = 16 * 1024 * 1024;

const emptyQueue: IndexQueue = { out: undefined, in: undefined };

export const newMapState = (base: number, items: readonly JsonValue[]): MapState => ({
  base,
  items,
  made: 0,
  open: 0,
  busy: 0,
  succeeded: 0,
  failed: 0,
  skipped: 0,
  cancelled: 0,
  turn: emptyQueue,
  stopped: false,
  first: undefined,
  outputBytes: 0,
});

export const withTurn = (map: MapState, index: number): MapState => ({
  ...map,
  turn: { out: map.turn.out, in: { index, next: map.turn.in } },
});

/** An index whose time has come while no place was free. It has no timer any more. */
export const waitsForTurn = ({ state, reason }: Pick<TaskRun, "state" | "reason">): boolean =>
  reason?.code === "limit_reached" && (state === "retrying" || state === "suspended");

/** The index whose turn is next, and the state without it. */
export function takeTurn(map: MapState): { readonly index: number; readonly map: MapState } | undefined {
  let { out } = map.turn;
  if (out === undefined) {
    for (let cell = map.turn.in; cell !== undefined; cell = cell.next) out = { index: cell.index, next: out };
    if (out === undefined) return undefined;
    return { index: out.index, map: { ...map, turn: { out: out.next, in: undefined } } };
  }
  return { index: out.index, map: { ...map, turn: { out: out.next, in: map.turn.in } } };
}

/**
 * Whether an index in this state counts against `maxParallel`. One that waits for its next try has no attempt. What the
 * control plane carries itself (an approval, a child run) has none either, but is at work while it is suspended.
 */
export function holdsPlace(state: TaskRunState, carriedHere: boolean): boolean {
  switch (state) {
    case "queued":
    case "dispatched":
    case "running":
    case "cancelling":
      return true;
    case "suspended":
      return carriedHere;
    default:
      return false;
  }
}

/** The state after an index went from one state to another; from `undefined`: it was made. */
export function counted(
  map: MapState,
  from: TaskRunState | undefined,
  to: TaskRunState,
  carriedHere: boolean,
): MapState {
  const ended = isTaskRunEnded(to) && (from === undefined || !isTaskRunEnded(from));
  const held = from !== undefined && holdsPlace(from, carriedHere);
  return {
    ...map,
    made: map.made + (from === undefined ? 1 : 0),
    open: map.open + (from === undefined ? 1 : 0) - (ended ? 1 : 0),
    busy: map.busy + (holdsPlace(to, carriedHere) ? 1 : 0) - (held ? 1 : 0),
    succeeded: map.succeeded + (ended && to === "succeeded" ? 1 : 0),
    failed: map.failed + (ended && (to === "failed" || to === "timed_out") ? 1 : 0),
    skipped: map.skipped + (ended && to === "skipped" ? 1 : 0),
    cancelled: map.cancelled + (ended && to === "cancelled" ? 1 : 0),
  };
}

/** How the indexes ended. Those that never began were cancelled with the group. */
export function groupCounts(map: MapState): GroupCounts {
  const { succeeded, failed, skipped } = map;
  const total = map.items.length;
  const unmade = map.stopped ? total - map.made : 0;
  return { total, succeeded, failed, skipped, cancelled: map.cancelled + unmade };
}

/** What a mapped task comes to when all its indexes have ended. */
export function groupOutcome(
  counts: GroupCounts,
  minSuccess: CanonicalTask["minSuccess"],
): "succeeded" | "failed" | "skipped" | "cancelled" {
  const { total, succeeded, failed, skipped } = counts;
  if (total === 0) return "succeeded";
  if (skipped === total) return "skipped";
  if (succeeded >= neededOf(minSuccess, total - skipped)) return "succeeded";
  return failed > 0 ? "failed" : "cancelled";
}

/** True where not even the success of everything that is left would be enough. */
export function outOfReach(map: MapState, minSuccess: CanonicalTask["minSuccess"]): boolean {
  const total = map.items.length;
  const left = total - map.made + map.open;
  return map.succeeded + left < neededOf(minSuccess, total - map.skipped);
}
