// The agent's journal: what must survive a crash of the agent or a power cut (docs/protocol.md, "Journal").
//  J1. One writer. What gathers in a turn is written at once; one fdatasync serves everything written before it began.
//  J2. `taken` is written before the hand-over to a runner, without fsync: a crash of the host ends the attempt anyway.
//  J3. A result is synced before it is reported.
//  J4. Pieces of 8 MiB; a new piece begins with all that is still live, so older ones can go.
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import type { AttemptId, AttemptTakes, EventItem, FinishItem } from "@capstan/proto";
import { decodeRecords, encodeRecord, recordTypes, type JournalRecord, type RecordType } from "./record.ts";

export const pieceBytesMax = 8 * 1024 * 1024;

/** What the journal knows about an attempt that is not acknowledged to the end. */
export interface JournalledAttempt {
  readonly attempt: AttemptId;
  readonly epoch: number;
  readonly takenMs: number;
  /** Absent where it takes one slot and nothing else. */
  readonly takes?: AttemptTakes;
  startedMs?: number;
  readonly events: EventItem[];
  result?: FinishItem;
  /** The result was acknowledged; only the log is still on its way. */
  reported: boolean;
}

export class Journal {
  readonly #folder: string;
  readonly attempts = new Map<string, JournalledAttempt>();
  connectNo = 0;
  incarnation = 0;
  /** Bytes cut off as torn or broken when the journal was opened. */
  cutBytes = 0;
  #fd: number;
  #piece: number;
  #pieceBytes = 0;
  #pending: Buffer[] = [];
  #waiting: (() => void)[] = [];
  #isSyncing = false;
  #isScheduled = false;

  /** Opens and recovers. A journal that cannot be read is moved aside; runners then tell what there is. */
  constructor(dataDir: string) {
    this.#folder = `${dataDir}/journal`;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const pieces = this.#pieces();
    for (const piece of pieces) this.#recover(piece);
    this.#piece = (pieces.at(-1) ?? 0) + 1;
    this.#fd = this.#open();
    this.#compact(pieces);
  }

  connect(connectNo: number, incarnation: number): void {
    this.connectNo = connectNo;
    this.incarnation = incarnation;
    this.#append(recordTypes.connect, { connectNo, incarnation });
  }

  taken(attempt: AttemptId, epoch: number, nowMs: number, takes?: AttemptTakes): void {
    const what = { attempt, epoch, takenMs: nowMs, ...(takes === undefined ? {} : { takes }) };
    this.attempts.set(attempt, { ...what, events: [], reported: false });
    this.#append(recordTypes.taken, what);
  }

  started(attempt: string, epoch: number, atMs: number): void {
    const known = this.#of(attempt, epoch);
    if (known === undefined || known.startedMs !== undefined) return;
    known.startedMs = atMs;
    this.#append(recordTypes.started, { attempt, epoch, atMs });
  }

  /** Resolves when the event is on disk. */
  event(event: EventItem): Promise<void> {
    this.#of(event.attempt, event.epoch)?.events.push(event);
    this.#append(recordTypes.event, event);
    return this.sync();
  }

  /** Resolves when the result is on disk. */
  result(finish: FinishItem): Promise<void> {
    const known = this.#of(finish.attempt, finish.epoch);
    if (known !== undefined) known.result = finish;
    this.#append(recordTypes.result, finish);
    return this.sync();
  }

  /** The control plane has the result. At worst it is sent again, so nothing waits for the disk. */
  reported(attempt: string, epoch: number): void {
    const known = this.#of(attempt, epoch);
    if (known === undefined) return;
    known.reported = true;
    known.events.length = 0;
    this.#append(recordTypes.reported, { attempt, epoch });
  }

  /** Nothing of the attempt is owed any more, or it was never started (`reject`). */
  forget(attempt: string, epoch: number): void {
    if (this.#of(attempt, epoch) === undefined) return;
    this.attempts.delete(attempt);
    this.#append(recordTypes.forgotten, { attempt, epoch });
  }

  /** Hands everything gathered to the kernel now; a crash of this process loses nothing of it. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const bytes = this.#pending.length === 1 ? this.#pending[0] : Buffer.concat(this.#pending);
    this.#pending = [];
    if (bytes === undefined) return;
    let at = 0;
    while (at < bytes.length) at += writeSync(this.#fd, bytes, at);
    this.#pieceBytes += bytes.length;
    if (this.#pieceBytes > pieceBytesMax && !this.#isSyncing) this.#rotate();
  }

  /** Resolves after an fdatasync that began after this call. Calls that gather meanwhile share the next one. */
  sync(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  close(): void {
    this.flush();
    fdatasyncSync(this.#fd);
    closeSync(this.#fd);
  }

  #of(attempt: string, epoch: number): JournalledAttempt | undefined {
    const known = this.attempts.get(attempt);
    return known?.epoch === epoch ? known : undefined;
  }

  #append(type: RecordType, value: unknown): void {
    this.#pending.push(encodeRecord(type, value));
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // After what is being handled now: all that one frame or one line of a runner causes.
    process.nextTick(() => {
      this.#isScheduled = false;
      this.flush();
      this.#startSync();
    });
  }

  #startSync(): void {
    if (this.#isSyncing || this.#waiting.length === 0) return;
    this.#isSyncing = true;
    const served = this.#waiting;
    this.#waiting = [];
    fdatasync(this.#fd, (error) => {
      // A result that may not be on disk must not be reported, and a disk that fails to sync once has lost pages.
      if (error !== null) throw error;
      this.#isSyncing = false;
      for (const resolve of served) resolve();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #rotate(): void {
    const older = this.#pieces();
    closeSync(this.#fd);
    this.#piece++;
    this.#fd = this.#open();
    this.#compact(older);
  }

  #open(): number {
    this.#pieceBytes = 0;
    return openSync(this.#pathOf(this.#piece), "a", 0o600);
  }

  /** Writes what is live into the current piece, syncs it, and deletes the older ones. */
  #compact(older: readonly number[]): void {
    this.#pending.unshift(
      encodeRecord(recordTypes.connect, { connectNo: this.connectNo, incarnation: this.incarnation }),
    );
    const live: Buffer[] = [];
    for (const { attempt, epoch, takenMs, takes, startedMs, events, result, reported } of this.attempts.values()) {
      live.push(encodeRecord(recordTypes.taken, { attempt, epoch, takenMs, takes }));
      if (startedMs !== undefined) live.push(encodeRecord(recordTypes.started, { attempt, epoch, atMs: startedMs }));
      for (const event of events) live.push(encodeRecord(recordTypes.event, event));
      if (result !== undefined) live.push(encodeRecord(recordTypes.result, result));
      if (reported) live.push(encodeRecord(recordTypes.reported, { attempt, epoch }));
    }
    const bytes = Buffer.concat([...live, ...this.#pending]);
    this.#pending = [];
    let at = 0;
    while (at < bytes.length) at += writeSync(this.#fd, bytes, at);
    fdatasyncSync(this.#fd);
    // A piece that began with much live work is not at once full again.
    this.#pieceBytes = 0;
    for (const piece of older) if (piece !== this.#piece) unlinkSync(this.#pathOf(piece));
  }

  #pieces(): number[] {
    return readdirSync(this.#folder)
      .filter((name) => /^\d{6}\.log$/.test(name))
      .map((name) => Number(name.slice(0, 6)))
      .toSorted((a, b) => a - b);
  }

  #pathOf(piece: number): string {
    return `${this.#folder}/${String(piece).padStart(6, "0")}.log`;
  }

  #recover(piece: number): void {
    const path = this.#pathOf(piece);
    const bytes = readFileSync(path);
    const { records, goodBytes } = decodeRecords(bytes);
    if (goodBytes < bytes.length) {
      this.cutBytes += bytes.length - goodBytes;
      truncateSync(path, goodBytes);
    }
    for (const record of records) this.#replay(record);
  }

  // The values were written by this class and are covered by a CRC, so their shapes are known.
  #replay({ type, value }: JournalRecord): void {
    if (type === recordTypes.connect) {
      const { connectNo, incarnation } = value as { connectNo: number; incarnation: number };
      this.connectNo = Math.max(this.connectNo, connectNo);
      this.incarnation = Math.max(this.incarnation, incarnation);
      return;
    }
    const { attempt, epoch } = value as { attempt: AttemptId; epoch: number };
    if (type === recordTypes.taken) {
      const { takenMs, takes } = value as { takenMs: number; takes?: AttemptTakes };
      const what = { attempt, epoch, takenMs, ...(takes === undefined ? {} : { takes }) };
      this.attempts.set(attempt, { ...what, events: [], reported: false });
      return;
    }
    const known = this.#of(attempt, epoch);
    if (known === undefined) return;
    if (type === recordTypes.started) known.startedMs = (value as { atMs: number }).atMs;
    else if (type === recordTypes.event) known.events.push(value as EventItem);
    else if (type === recordTypes.result) known.result = value as FinishItem;
    else if (type === recordTypes.reported) {
      known.reported = true;
      known.events.length = 0;
    } else if (type === recordTypes.forgotten) this.attempts.delete(attempt);
  }
}
