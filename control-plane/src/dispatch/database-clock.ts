// Database time in this replica: sampled each second, carried on by the monotonic clock in between.
//  K1. No replica's wall clock is compared with anything. Due times and event times are the database's.
//  K2. Counted time of leases (lease_now) is the database's too; here it is only estimated for freshness checks.
export interface ClockSample {
  /** clock_timestamp() of the database, Unix ms. */
  readonly databaseMs: number;
  readonly countedMs: number;
  readonly incarnation: number;
}

export class DatabaseClock {
  private sample: ClockSample;
  private takenAt: number;
  private readonly monotonicMs: () => number;

  constructor(first: ClockSample, monotonicMs: () => number = () => performance.now()) {
    this.sample = first;
    this.monotonicMs = monotonicMs;
    this.takenAt = monotonicMs();
  }

  /** Takes a newer sample. Time never goes back by it: a step of the database's clock backwards is waited out. */
  take(sample: ClockSample): void {
    const nowMs = this.nowMs();
    this.sample = { ...sample, databaseMs: Math.max(sample.databaseMs, nowMs) };
    this.takenAt = this.monotonicMs();
  }

  nowMs(): number {
    return this.sample.databaseMs + (this.monotonicMs() - this.takenAt);
  }

  get incarnation(): number {
    return this.sample.incarnation;
  }
}
