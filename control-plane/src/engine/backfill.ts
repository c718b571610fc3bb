// What a backfill is about, in order, and what its loop does next. Values are numbered as they are taken; a run of one that
// has not begun does not exist.
//  F1. Decided under the row of the backfill, from where it stands; so each value is taken once, by whoever holds the row.
//  F2. No more than `maxParallel` of its runs are asked for and not ended.
//  F3. It is over when nothing is left and all that was asked for has ended.
import { mayBackfillBecome, type BackfillState, type Ticks } from "@capstan/proto";

export type BackfillWhat =
  /** Ticks of a schedule of its version. */
  | { readonly kind: "ticks"; readonly trigger: string; readonly fromMs: number; readonly toMs: number }
  | { readonly kind: "every"; readonly everyMs: number; readonly fromMs: number; readonly toMs: number }
  /** Inputs that were given, or runs that are retried, by their index. */
  | { readonly kind: "values" | "runs"; readonly count: number };

/** One value: a tick with the one before it, or an index. */
export interface BackfillPlace {
  /** The tick in Unix ms, or the index. Places are told apart and found again by it. */
  readonly at: number;
  /** Of a tick alone. */
  readonly windowStartMs?: number;
}

export interface PlaceRange {
  /** The place that was taken last; undefined at the beginning. */
  readonly after: number | undefined;
  readonly newestFirst: boolean;
  readonly max: number;
}

/** The next places, at most `max`. @param ticks of the schedule, for `ticks` */
export function placesOf(what: BackfillWhat, ticks: Ticks | undefined, range: PlaceRange): readonly BackfillPlace[] {
  const places: BackfillPlace[] = [];
  let at = range.after === undefined ? firstOf(what, ticks, range.newestFirst) : nextOf(what, ticks, range);
  while (at !== undefined && places.length < range.max) {
    places.push(placeAt(what, ticks, at));
    at = nextOf(what, ticks, { after: at, newestFirst: range.newestFirst });
  }
  return places;
}

/** How many there are, where that can be said without looking at each. */
export function countOf(what: BackfillWhat): number | undefined {
  switch (what.kind) {
    case "ticks":
      return undefined;
    case "every":
      return Math.max(0, Math.ceil((what.toMs - what.fromMs) / what.everyMs));
    case "values":
    case "runs":
      return what.count;
  }
}

function firstOf(what: BackfillWhat, ticks: Ticks | undefined, newestFirst: boolean): number | undefined {
  switch (what.kind) {
    case "ticks":
      return within(what, newestFirst ? ticks?.previous(what.toMs) : ticks?.next(what.fromMs - 1));
    case "every": {
      const count = countOf(what) ?? 0;
      if (count === 0) return undefined;
      return newestFirst ? what.fromMs + (count - 1) * what.everyMs : what.fromMs;
    }
    case "values":
    case "runs":
      return what.count === 0 ? undefined : newestFirst ? what.count - 1 : 0;
  }
}

function nextOf(
  what: BackfillWhat,
  ticks: Ticks | undefined,
  { after = 0, newestFirst }: Pick<PlaceRange, "after" | "newestFirst">,
): number | undefined {
  switch (what.kind) {
    case "ticks":
      return within(what, newestFirst ? ticks?.previous(after) : ticks?.next(after));
    case "every":
      return within(what, after + (newestFirst ? -what.everyMs : what.everyMs));
    case "values":
    case "runs": {
      const index = after + (newestFirst ? -1 : 1);
      return index >= 0 && index < what.count ? index : undefined;
    }
  }
}

const within = (
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  at: number | undefined,
): number | undefined => (at !== undefined && at >= fromMs && at < toMs ? at : undefined);

function placeAt(what: BackfillWhat, ticks: Ticks | undefined, at: number): BackfillPlace {
  switch (what.kind) {
    case "ticks":
      return { at, windowStartMs: ticks?.previous(at) ?? at };
    case "every":
      return { at, windowStartMs: at - what.everyMs };
    case "values":
    case "runs":
      return { at };
  }
}

export interface BackfillNow {
  readonly state: BackfillState;
  readonly maxParallel: number;
  /** Asked for and not ended. */
  readonly open: number;
  /** Values of which no run could be made, or whose run did not succeed. */
  readonly failed: number;
  readonly candidates: readonly BackfillPlace[];
  /** No more may come behind the candidates. */
  readonly isLast: boolean;
  /** Places that are left out because they have a run. */
  readonly existing: ReadonlySet<number>;
}

export interface BackfillNext {
  readonly takes: readonly { readonly place: BackfillPlace; readonly isSkipped: boolean }[];
  readonly state: BackfillState;
  /** There is more to take and room for it. */
  readonly more: boolean;
}

/** What the loop does with a backfill that is `running` or `cancelling`. */
export function decideBackfill(now: BackfillNow): BackfillNext {
  const { state, open } = now;
  if (state === "cancelling") return { takes: [], state: open === 0 ? moved(state, "cancelled") : state, more: false };
  if (state !== "running") return { takes: [], state, more: false };
  const takes: { place: BackfillPlace; isSkipped: boolean }[] = [];
  let room = now.maxParallel - open;
  for (const place of now.candidates) {
    const isSkipped = now.existing.has(place.at);
    if (!isSkipped && room <= 0) break;
    if (!isSkipped) room -= 1;
    takes.push({ place, isSkipped });
  }
  const allTaken = takes.length === now.candidates.length;
  const isOver = allTaken && now.isLast && open === 0 && takes.every(({ isSkipped }) => isSkipped);
  if (!isOver) return { takes, state, more: allTaken && !now.isLast && room > 0 };
  return { takes, state: moved(state, now.failed > 0 ? "failed" : "succeeded"), more: false };
}

/** The state after a change that is checked against the table. */
function moved(from: BackfillState, to: BackfillState): BackfillState {
  if (!mayBackfillBecome(from, to)) throw new Error(`a backfill that is ${from} cannot become ${to}`);
  return to;
}

/** The level of a backfill's runs: behind all that is not one (engine/order.ts). */
export const backfillPriority = 5;
