// What a seed decides about its world before anything happens. A shrunk seed overrides some of it.
import { Random } from "./random.ts";

export interface Settings {
  readonly seed: number;
  readonly replicas: number;
  readonly agents: number;
  readonly slots: number;
  readonly workflows: number;
  readonly tasksMax: number;
  readonly runs: number;
  readonly faults: number;
  /** Only some kinds of fault, and those often: what needs the same fault several times is found so. */
  readonly isSwarm: boolean;
  /** When the nemesis stops and everything heals. */
  readonly horizonMs: number;
  readonly leasesMs: readonly number[];
  /** No margin after a lease, no drift, no jumps: so that the margin cannot hide a wrong count. */
  readonly unmasked: boolean;
  /** Tasks of every kind, limits and groups; the other worlds have scripts alone. */
  readonly isWide: boolean;
  /** Schedules, triggers, the cache, variables, marks of lateness and operations besides. */
  readonly isAutomated: boolean;
  readonly pace: number;
  readonly sessionAgeMs: number;
}

export type Overrides = Partial<Omit<Settings, "seed">>;

export function settingsOf(seed: number, overrides: Overrides = {}): Settings {
  const random = new Random(seed, 1_000_003);
  const unmasked = random.chance(0.1);
  const isLong = random.chance(0.05);
  // Of its own, so that the other worlds stay as they were.
  const mayBeAutomated = new Random(seed, 1_000_005).chance(0.22);
  const isSwarm = new Random(seed, 1_000_004).chance(0.35);
  const horizonMs = Math.floor(isLong ? random.between(400_000, 1_200_000) : random.between(60_000, 240_000));
  const settings = {
    seed,
    replicas: 1 + random.int(3),
    agents: 1 + random.int(4),
    slots: 1 + random.int(4),
    workflows: 1 + random.int(3),
    tasksMax: random.pick([2, 5, 8]),
    runs: 2 + random.int(8),
    faults: random.chance(0.1) ? 0 : (isSwarm ? 8 : 1) + random.int(isLong ? 40 : isSwarm ? 24 : 14),
    isSwarm,
    horizonMs,
    leasesMs:
      isLong && random.chance(0.3)
        ? [30_000, 120_000, 600_000]
        : random.pick([[30_000], [30_000, 45_000], [30_000, 90_000]]),
    unmasked,
    isWide: random.chance(0.6),
    pace: random.pick([1, 2, 3, 4]),
    sessionAgeMs: random.chance(0.3) ? 60_000 : 3_600_000,
  };
  const isAutomated = settings.isWide && mayBeAutomated;
  // There runs come of themselves.
  const runs = isAutomated ? Math.ceil(settings.runs / 2) : settings.runs;
  return { ...settings, isAutomated, runs, ...overrides };
}
