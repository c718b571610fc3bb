// The ticks of a schedule that are due: which of them become runs, which do not and why, and which is next.
//  S1. Decided from the schedule's row, the clock of the database and nothing else, under the row's lock: so each tick is
//      decided once, by whichever replica holds the row.
//  S2. A tick that becomes no run is told with its reason. Of a schedule that was left alone for very long, the newest
//      are told one by one and the rest in one.
//  S3. Ticks are taken in order. One that waits behind another's jitter is not late for that.
import { formatTime, jitterOf, type CanonicalSchedule, type MissReason, type Ticks } from "@capstan/proto";

/** After which time a tick counts as late: somebody was away. */
const lateMs = 60_000;
const defaultCatchupMax = 100;
const defaultCatchupWindowMs = 7 * 86_400_000;
/** How many ticks of one schedule are looked at in a round. */
const ticksMax = 1_000;

export interface DueSchedule {
  /** `daily.schedule`: what its jitter comes from. */
  readonly name: string;
  readonly schedule: CanonicalSchedule;
  readonly nextTickMs: number;
  /** Undefined while neither the schedule nor its workflow is paused. */
  readonly paused?: "paused" | "workflow_paused" | undefined;
  /** The run of its last tick goes on, or is about to begin. */
  readonly isGoing: boolean;
  /** Its runs that wait for one that goes on. */
  readonly waiting: number;
}

export interface TickStart {
  readonly tickMs: number;
  /** The tick before it. */
  readonly windowStartMs: number;
}

export interface TickMiss {
  readonly tickMs: number;
  readonly reason: MissReason;
  readonly detail?: string;
}

export interface TickDecision {
  /** In order. */
  readonly starts: readonly TickStart[];
  readonly missed: readonly TickMiss[];
  /** Undefined where none will come. */
  readonly nextTickMs: number | undefined;
  readonly nextDueMs: number | undefined;
}

/** When a tick's run is to start. */
export const dueOf = (name: string, schedule: CanonicalSchedule, tickMs: number): number =>
  tickMs + jitterOf(name, tickMs, schedule.jitterMs ?? 0);

export function decideTicks(due: DueSchedule, ticks: Ticks, nowMs: number): TickDecision {
  const { name, schedule } = due;
  const { starts, missed } = { starts: [] as number[], missed: [] as TickMiss[] };
  const { late, onTime, older, nextTickMs } = dueTicks(due, ticks, nowMs);
  if (older !== undefined) missed.push(older);
  if (due.paused !== undefined) {
    for (const tickMs of [...late, ...onTime]) missed.push({ tickMs, reason: due.paused });
  } else {
    const caught = new Set(caughtUp(schedule, late, nowMs));
    for (const tickMs of late) {
      if (caught.has(tickMs)) starts.push(tickMs);
      else missed.push({ tickMs, reason: "away" });
    }
    starts.push(...onTime);
  }
  const kept = overlapping(due, starts, missed);
  return {
    starts: kept.map((tickMs) => ({ tickMs, windowStartMs: ticks.previous(tickMs) ?? tickMs })),
    missed,
    nextTickMs,
    nextDueMs: nextTickMs === undefined ? undefined : dueOf(name, schedule, nextTickMs),
  };
}

interface DueTicks {
  readonly late: readonly number[];
  readonly onTime: readonly number[];
  /** Those before the ones that are looked at (S2). */
  readonly older: TickMiss | undefined;
  readonly nextTickMs: number | undefined;
}

function dueTicks({ name, schedule, nextTickMs, paused }: DueSchedule, ticks: Ticks, nowMs: number): DueTicks {
  // From the newest backwards: what has piled up for a year is not walked through.
  const newest: number[] = [];
  const max = Math.max(ticksMax, schedule.catchupMax ?? defaultCatchupMax);
  let tick: number | undefined = ticks.previous(nowMs + 1);
  while (tick !== undefined && tick >= nextTickMs && newest.length < max) {
    newest.push(tick);
    tick = ticks.previous(tick);
  }
  const more = tick !== undefined && tick >= nextTickMs ? tick : undefined;
  const older: TickMiss | undefined =
    more === undefined
      ? undefined
      : {
          tickMs: nextTickMs,
          reason: paused ?? "away",
          detail: `and all others until ${formatTime(more)}`,
        };
  const late: number[] = [];
  const onTime: number[] = [];
  let dueMs = 0;
  let notDue: number | undefined;
  for (const tickMs of newest.toReversed()) {
    dueMs = Math.max(dueMs, dueOf(name, schedule, tickMs));
    if (dueMs > nowMs) {
      notDue = tickMs;
      break;
    }
    (nowMs - dueMs > lateMs ? late : onTime).push(tickMs);
  }
  // The row's own tick where even that is not due: the clock was put back.
  const nothingDue = newest.length === 0 && nextTickMs > nowMs ? nextTickMs : undefined;
  return { late, onTime, older, nextTickMs: notDue ?? nothingDue ?? ticks.next(nowMs) };
}

/** Which of the late ticks are made up for. */
function caughtUp(schedule: CanonicalSchedule, late: readonly number[], nowMs: number): readonly number[] {
  switch (schedule.catchup ?? "last") {
    case "skip":
      return [];
    case "last":
      return late.slice(-1);
    case "all": {
      const fromMs = nowMs - (schedule.catchupWindowMs ?? defaultCatchupWindowMs);
      return late.filter((tickMs) => tickMs >= fromMs).slice(-(schedule.catchupMax ?? defaultCatchupMax));
    }
  }
}

/** What is left of the starts where an earlier run goes on. */
function overlapping(
  { schedule, isGoing, waiting }: DueSchedule,
  starts: readonly number[],
  missed: TickMiss[],
): readonly number[] {
  const drop = (tickMs: number, reason: MissReason): void => void missed.push({ tickMs, reason });
  switch (schedule.overlap ?? "allow") {
    case "allow":
    case "cancelRunning":
      return starts;
    case "skip": {
      const kept = isGoing ? [] : starts.slice(0, 1);
      for (const tickMs of starts.slice(kept.length)) drop(tickMs, "overlap");
      return kept;
    }
    case "queue": {
      const room = Math.max(0, (schedule.catchupMax ?? defaultCatchupMax) - waiting);
      for (const tickMs of starts.slice(room)) drop(tickMs, "queue_full");
      return starts.slice(0, room);
    }
  }
}
