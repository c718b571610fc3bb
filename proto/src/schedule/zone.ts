// What the clocks of a time zone show. The rules are those that Node carries (Intl); asking it costs microseconds each
// time, so the changes of a zone are found once per year that is asked for and kept.
//  Z1. Two changes of one zone are never within five days of each other; the oracle test looks at every minute.
//  Z2. The zone's name was checked (`isTimeZone`): an unknown one throws a RangeError.

const secondMs = 1000;
const dayMs = 86_400_000;
const spanMs = 365 * dayMs;
const stepMs = 5 * dayMs;
/** More than the farthest that clocks are from UTC, and a change over the date line. */
const aroundMs = 36 * 3_600_000;
const zonesMax = 1000;

interface Span {
  readonly firstMs: number;
  /** Instants of changes, and what the clock is ahead of UTC from then on. */
  readonly changes: readonly { readonly atMs: number; readonly offsetMs: number }[];
}

export class Zone {
  readonly name: string;
  private readonly format: Intl.DateTimeFormat;
  private readonly spans = new Map<number, Span>();

  constructor(name: string) {
    this.name = name;
    this.format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** What a clock in the zone is ahead of UTC, ms. */
  offsetMs(atMs: number): number {
    const { firstMs, changes } = this.spanOf(atMs);
    let offsetMs = firstMs;
    for (const change of changes) {
      if (change.atMs > atMs) break;
      ({ offsetMs } = change);
    }
    return offsetMs;
  }

  /** Whether no clock is changed between the two instants, both included. */
  isSteady(fromMs: number, toMs: number): boolean {
    for (let at = fromMs; ; at = Math.min(at + spanMs, toMs)) {
      if (this.spanOf(at).changes.some(({ atMs }) => atMs >= fromMs && atMs <= toMs)) return false;
      if (at >= toMs) return true;
    }
  }

  /** The instants at which the clock shows a local time (ms as if it were UTC): none, one or two, in order. */
  instantsOf(localMs: number): readonly number[] {
    const before = this.offsetMs(localMs - aroundMs);
    const after = this.offsetMs(localMs + aroundMs);
    if (before === after) return [localMs - before];
    return [localMs - before, localMs - after]
      .filter((atMs) => atMs + this.offsetMs(atMs) === localMs)
      .toSorted((a, b) => a - b);
  }

  /** Where a local time does not exist: the first instant whose clock shows a later one. */
  afterGap(localMs: number): number {
    const changes = [localMs - aroundMs, localMs + aroundMs].flatMap((atMs) => this.spanOf(atMs).changes);
    const skipped = changes.find(
      ({ atMs, offsetMs }) => atMs + this.offsetMs(atMs - 1) <= localMs && localMs < atMs + offsetMs,
    );
    return skipped?.atMs ?? localMs - this.offsetMs(localMs - aroundMs);
  }

  private spanOf(atMs: number): Span {
    const index = Math.floor(atMs / spanMs);
    let span = this.spans.get(index);
    if (span === undefined) {
      span = this.look(index * spanMs);
      this.spans.set(index, span);
    }
    return span;
  }

  private look(fromMs: number): Span {
    const firstMs = this.asked(fromMs);
    const changes: { atMs: number; offsetMs: number }[] = [];
    let offsetMs = firstMs;
    for (let low = fromMs; low < fromMs + spanMs; low += stepMs) {
      const high = Math.min(low + stepMs, fromMs + spanMs - secondMs);
      const then = this.asked(high);
      if (then === offsetMs) continue;
      changes.push({ atMs: this.changeBetween(low, high, offsetMs), offsetMs: then });
      offsetMs = then;
    }
    return { firstMs, changes };
  }

  /** The first whole second within (low, high] at which the clock is not `offsetMs` ahead. */
  private changeBetween(lowMs: number, highMs: number, offsetMs: number): number {
    let low = lowMs / secondMs;
    let high = highMs / secondMs;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.asked(middle * secondMs) === offsetMs) low = middle;
      else high = middle;
    }
    return high * secondMs;
  }

  private asked(atMs: number): number {
    const [month = 1, day = 1, year = 1970, hour = 0, minute = 0, second = 0] = (
      this.format.format(atMs).match(/\d+/g) ?? []
    ).map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second) - atMs;
  }
}

const zones = new Map<string, Zone>();

/** The zone of an IANA name. @throws RangeError where there is none */
export function zoneOf(name: string): Zone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = new Zone(name);
    if (zones.size >= zonesMax) zones.clear();
    zones.set(name, zone);
  }
  return zone;
}

/** Whether this is a name of the IANA database. A bare offset such as `+01:00` is none: it knows no summer time. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    zoneOf(name);
    return true;
  } catch {
    return false;
  }
}
