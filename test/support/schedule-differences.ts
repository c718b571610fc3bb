// Compares the product's ticks with the oracle's for made-up schedules, each by a seed of its own.
import { neverFires, ticksOf } from "@capstan/proto";
import { makeSchedule, MinuteClocks, oracleZones, seeded, slowTicks } from "./schedule-oracle.ts";

export interface Differences {
  readonly compared: number;
  /** Ticks that both have found. */
  readonly ticks: number;
  /** One line each, with its seed. */
  readonly found: readonly string[];
}

const minuteMs = 60_000;
const daysAhead = 120;

/** Seeds from `first` on, as many as `count`, over the years; half of them begin near a change of the clocks. */
export function compareSchedules(options: {
  readonly first: number;
  readonly count: number;
  readonly fromYear: number;
  readonly toYear: number;
}): Differences {
  const found: string[] = [];
  let ticks = 0;
  const clocks = new Map<string, MinuteClocks>();
  for (let seed = options.first; seed < options.first + options.count; seed++) {
    const rand = seeded(seed);
    const zone = oracleZones[rand(oracleZones.length)] ?? "UTC";
    let clock = clocks.get(zone);
    if (clock === undefined) clocks.set(zone, (clock = new MinuteClocks(zone, options.fromYear, options.toYear)));
    const change = rand(2) === 0 ? clock.changes[rand(clock.changes.length)] : undefined;
    const latest = clock.endMinute - daysAhead * 1440 - 3000;
    const from = Math.max(
      clock.startMinute + 3000,
      Math.min(
        latest,
        change === undefined ? clock.startMinute + rand(latest - clock.startMinute) : change.at - rand(4000),
      ),
    );
    const made = makeSchedule(rand, zone);
    const to = from + daysAhead * 1440;
    const expected = slowTicks(made, clock, { from, to, count: 40 });
    const product = ticksOf(made.schedule, made.calendars);
    const got: number[] = [];
    let at = product.next(from * minuteMs - 1);
    while (at !== undefined && at < to * minuteMs && got.length < 40) {
      got.push(at);
      at = product.next(at);
    }
    const back: number[] = [];
    let before = got.length === 0 ? undefined : product.previous((got.at(-1) ?? 0) + 1);
    while (before !== undefined && before >= from * minuteMs && back.length < got.length) {
      back.unshift(before);
      before = product.previous(before);
    }
    ticks += expected.length;
    const never = expected.length > 0 && neverFires(product);
    if (expected.join() === got.join() && back.join() === got.join() && !never) continue;
    const shown = (list: readonly number[]): string =>
      list
        .slice(0, 4)
        .map((one) => new Date(one).toISOString())
        .join(" ");
    found.push(
      `seed ${seed} from ${new Date(from * minuteMs).toISOString()} ${JSON.stringify(made.schedule)} ${JSON.stringify(made.calendars)} expected ${shown(expected)} got ${shown(got)} back ${shown(back)}`,
    );
  }
  return { compared: options.count, ticks, found };
}
