// One reader of the event log for a whole replica: woken by commits of this replica and by notices of others, and
// looking each second whatever happens. It reads only while somebody listens.
import type { CommitSignals } from "../commit/commit-signals.ts";
import type { Log } from "../telemetry/log.ts";
import { isAfter, type EventLog, type LoggedEvents, type Position } from "./event-log.ts";

const pollMs = 1_000;
const batchMax = 500;
/** Commits within this time are read together. */
const gatherMs = 15;

export class EventReader {
  private readonly log: EventLog;
  private readonly signals: CommitSignals;
  private readonly lines: Log;
  private readonly listeners = new Set<(events: readonly LoggedEvents[]) => void>();
  private position: Position | undefined;
  private reading = false;
  private again = false;
  private timer: NodeJS.Timeout | undefined;
  private dueMs = Number.POSITIVE_INFINITY;
  private forgetSignals: (() => void) | undefined;
  private forgetNotices: (() => void) | undefined;
  private failures = 0;

  constructor(log: EventLog, signals: CommitSignals, lines: Log) {
    this.log = log;
    this.signals = signals;
    this.lines = lines.child({ component: "live" });
  }

  /** Tells of everything that becomes certain from now on. */
  subscribe(listener: (events: readonly LoggedEvents[]) => void): () => void {
    this.listeners.add(listener);
    if (this.listeners.size === 1) this.start();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.stop();
    };
  }

  stop(): void {
    clearTimeout(this.timer);
    this.dueMs = Number.POSITIVE_INFINITY;
    this.forgetSignals?.();
    this.forgetNotices?.();
    this.forgetSignals = undefined;
    this.forgetNotices = undefined;
    this.position = undefined;
  }

  private start(): void {
    this.forgetSignals = this.signals.onHistory(() => this.wakeIn(gatherMs));
    this.wakeIn(0);
  }

  private wakeIn(ms: number): void {
    if (this.listeners.size === 0) return;
    if (this.reading) {
      this.again = true;
      return;
    }
    const due = performance.now() + ms;
    if (due >= this.dueMs) return;
    clearTimeout(this.timer);
    this.dueMs = due;
    this.timer = setTimeout(() => void this.read(), ms);
    this.timer.unref();
  }

  private async read(): Promise<void> {
    this.dueMs = Number.POSITIVE_INFINITY;
    this.reading = true;
    this.again = false;
    try {
      // A notice of another replica is only a hint: without the connection for it, the poll remains.
      this.forgetNotices ??= await this.log.listen(() => this.wakeIn(gatherMs));
      this.position ??= await this.log.head();
      for (;;) {
        const found = await this.log.after(this.position, batchMax);
        const last = found.at(-1);
        if (last === undefined || this.listeners.size === 0) break;
        if (isAfter(last.position, this.position)) this.position = last.position;
        for (const listener of this.listeners) listener(found);
        if (found.length < batchMax) break;
      }
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      this.forgetNotices?.();
      this.forgetNotices = undefined;
      if (this.failures === 1) this.lines.warn({ err: error }, "event log not readable, trying again");
    } finally {
      this.reading = false;
    }
    this.wakeIn(this.failures > 0 ? Math.min(10_000, pollMs * this.failures) : this.again ? gatherMs : pollMs);
  }
}
