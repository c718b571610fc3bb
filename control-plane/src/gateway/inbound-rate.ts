// Inbound frames of one session: 2,000 a second, burst 10,000. Above it the socket is not read; nothing is dropped.
const perSecond = 2000;
const burst = 10_000;

export class InboundRate {
  private tokens = burst;
  private lastMs: number;

  constructor(nowMs: number) {
    this.lastMs = nowMs;
  }

  /** Counts one frame; false where reading must pause. */
  count(): boolean {
    this.tokens--;
    return this.tokens > 0;
  }

  /** Refills; true where reading may go on. */
  refill(nowMs: number): boolean {
    this.tokens = Math.min(burst, this.tokens + ((nowMs - this.lastMs) * perSecond) / 1000);
    this.lastMs = nowMs;
    return this.tokens > perSecond / 2;
  }
}
