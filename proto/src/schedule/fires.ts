// What a schedule will do, for people to look at; and how far each tick is put off.
import type { CanonicalSchedule, Ticks } from "./ticks.ts";
import { zoneOf } from "./zone.ts";

/** One tick as people see it. */
export interface Fire {
  readonly atMs: number;
  /** What the clock of the zone shows: `2026-03-29T03:00+02:00`. */
  readonly local: string;
  /** The clock is changed there: put forward just now, so that what it skipped counts as this; or it shows this twice. */
  readonly mark?: "after_gap" | "first_of_two" | "second_of_two";
}

/** The next ticks after an instant, at most `count`. */
export function nextFires(
  ticks: Ticks,
  schedule: Pick<CanonicalSchedule, "timezone">,
  after: { readonly afterMs: number; readonly count: number },
): readonly Fire[] {
  const fires: Fire[] = [];
  let at = ticks.next(after.afterMs);
  while (at !== undefined && fires.length < after.count) {
    fires.push(fireAt(at, schedule.timezone ?? "UTC"));
    at = ticks.next(at);
  }
  return fires;
}

function fireAt(atMs: number, timezone: string): Fire {
  const zone = zoneOf(timezone);
  const offsetMs = zone.offsetMs(atMs);
  const local = new Date(atMs + offsetMs).toISOString().slice(0, 16) + offsetText(offsetMs);
  const [first, second] = zone.instantsOf(atMs + offsetMs);
  if (second !== undefined) return { atMs, local, mark: first === atMs ? "first_of_two" : "second_of_two" };
  return zone.offsetMs(atMs - 1) < offsetMs ? { atMs, local, mark: "after_gap" } : { atMs, local };
}

function offsetText(offsetMs: number): string {
  if (offsetMs === 0) return "Z";
  const minutes = Math.floor(Math.abs(offsetMs) / 60_000);
  const two = (number: number): string => String(number).padStart(2, "0");
  return `${offsetMs < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** How long after its tick a run starts: between 0 and the jitter, from the schedule and the tick alone (FNV-1a). */
export function jitterOf(schedule: string, tickMs: number, jitterMs: number): number {
  if (jitterMs === 0) return 0;
  let hash = 0x81_1c_9d_c5;
  for (const character of `${schedule} ${tickMs}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01_00_01_93);
  // The low bits of neighbours are alike; mixed once more.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c_1b_3c_6d);
  return Math.floor((((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32) * (jitterMs + 1));
}
