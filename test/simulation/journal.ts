// The agent's journal on a disk that forgets what was not synced when its host loses power. Same records and same replay
// as `agent/src/journal/journal.ts`, without the bytes.
import type { EventItem, FinishItem } from "@capstan/proto";

export interface Journalled {
  readonly attempt: string;
  readonly epoch: number;
  startedMs: number | undefined;
  events: EventItem[];
  result: FinishItem | undefined;
}

type Op =
  | { readonly t: "connect"; readonly connectNo: number; readonly incarnation: number }
  | { readonly t: "taken"; readonly attempt: string; readonly epoch: number }
  | { readonly t: "started"; readonly attempt: string; readonly epoch: number; readonly atMs: number }
  | { readonly t: "event"; readonly item: EventItem }
  | { readonly t: "result"; readonly item: FinishItem }
  | { readonly t: "forgotten"; readonly attempt: string; readonly epoch: number };

export class SimJournal {
  attempts = new Map<string, Journalled>();
  connectNo = 0;
  incarnation = 0;
  private ops: Op[] = [];
  private synced = 0;

  append(op: Op): void {
    this.ops.push(op);
    this.apply(op);
  }

  /** How far a sync that begins now will reach. */
  get length(): number {
    return this.ops.length;
  }

  syncedTo(length: number): void {
    this.synced = Math.max(this.synced, length);
  }

  /** Power is lost: what was not synced may be gone. */
  lose(keeps: (count: number) => number): void {
    const kept = this.synced + keeps(this.ops.length - this.synced);
    this.ops = this.ops.slice(0, kept);
    this.synced = kept;
    this.attempts = new Map();
    this.connectNo = 0;
    this.incarnation = 0;
    for (const op of this.ops) this.apply(op);
  }

  private apply(op: Op): void {
    switch (op.t) {
      case "connect":
        this.connectNo = Math.max(this.connectNo, op.connectNo);
        this.incarnation = Math.max(this.incarnation, op.incarnation);
        return;
      case "taken":
        this.attempts.set(op.attempt, {
          attempt: op.attempt,
          epoch: op.epoch,
          startedMs: undefined,
          events: [],
          result: undefined,
        });
        return;
      case "started": {
        const known = this.of(op.attempt, op.epoch);
        if (known !== undefined) known.startedMs = op.atMs;
        return;
      }
      case "event":
        this.of(op.item.attempt, op.item.epoch)?.events.push(op.item);
        return;
      case "result": {
        const known = this.of(op.item.attempt, op.item.epoch);
        if (known !== undefined) known.result = op.item;
        return;
      }
      case "forgotten":
        if (this.of(op.attempt, op.epoch) !== undefined) this.attempts.delete(op.attempt);
    }
  }

  private of(attempt: string, epoch: number): Journalled | undefined {
    const known = this.attempts.get(attempt);
    return known?.epoch === epoch ? known : undefined;
  }
}
