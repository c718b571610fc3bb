// Sends logs by offset, within windows, until the control plane has them (docs/protocol.md, "Logs").
//  G1. Sending advances nothing but `sent`; only an acknowledgement advances `acked` and frees the spool.
//  G2. `nack expect` and every new session set `sent` back to what the other side has.
//  G3. One frame of data is handed to the socket at a time, and only while little is buffered: control goes first.
import { readdirSync } from "node:fs";
import { encodeLogFrame, encodeLogGap, gapCauses, type AttemptId, type LogAck, type LogNack } from "@capstan/proto";
import { SpoolReader } from "./spool-reader.ts";

export interface LogSenderOptions {
  readonly spoolFolder: string;
  /** Hands one binary frame to the socket; calls back when it is written. False where there is no room or no session. */
  readonly send: (frame: Uint8Array, written: () => void) => boolean;
  /** The control plane has `bytes`; a blocked task may go on. */
  readonly onDrained: (attempt: string, bytes: number) => void;
  /** The whole log has arrived, or nobody wants the rest. */
  readonly onComplete: (attempt: string, epoch: number) => void;
}

interface Stream {
  readonly attempt: AttemptId;
  readonly epoch: number;
  readonly reader: SpoolReader;
  acked: number;
  sent: number;
  /** Length of the stream, once the attempt has ended. */
  final: number | undefined;
  isLastSent: boolean;
  hasMore: boolean;
}

export class LogSender {
  readonly #options: LogSenderOptions;
  readonly #streams = new Map<string, Stream>();
  #windowAttempt = 1024 * 1024;
  #windowConnection = 8 * 1024 * 1024;
  #isLive = false;
  #isWriting = false;
  #isScheduled = false;

  constructor(options: LogSenderOptions) {
    this.#options = options;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  setWindow(window: { readonly attempt: number; readonly connection: number }): void {
    this.#windowAttempt = window.attempt;
    this.#windowConnection = window.connection;
  }

  /** Sending may begin (`ready` was sent), or must stop (the connection is gone). */
  setLive(isLive: boolean): void {
    this.#isLive = isLive;
    this.#isWriting = false;
    if (isLive) this.#schedule();
  }

  /** The runner has spooled more. */
  produced(attempt: AttemptId, epoch: number): void {
    this.#streamOf(attempt, epoch).hasMore = true;
    this.#schedule();
  }

  /** The attempt has ended with a stream of `bytes`. */
  ended(attempt: AttemptId, epoch: number, bytes: number): void {
    const stream = this.#streamOf(attempt, epoch);
    stream.final = bytes;
    stream.hasMore = true;
    this.#schedule();
  }

  /** What the control plane says it has, at the start of a session. */
  resume(attempt: AttemptId, epoch: number, bytes: number): void {
    const stream = this.#streamOf(attempt, epoch);
    stream.acked = bytes;
    stream.sent = bytes;
    stream.isLastSent = false;
    stream.hasMore = true;
  }

  acknowledge(ack: LogAck): void {
    const stream = this.#streams.get(ack.attempt);
    if (stream === undefined) return;
    if (ack.bytes > stream.acked) {
      stream.acked = ack.bytes;
      stream.sent = Math.max(stream.sent, ack.bytes);
      stream.reader.release(ack.bytes);
      this.#options.onDrained(stream.attempt, ack.bytes);
    }
    if (ack.complete === true) this.#complete(stream);
    else this.#schedule();
  }

  refuse(nack: LogNack): void {
    const stream = this.#streams.get(nack.attempt);
    if (stream === undefined) return;
    if (nack.reason === "closed" || nack.reason === "quota") {
      this.#complete(stream);
      return;
    }
    stream.sent = nack.expect;
    stream.isLastSent = false;
    stream.hasMore = true;
    this.#schedule();
  }

  /** Nobody wants the log (the attempt is not ours any more): delete it. */
  forget(attempt: string): void {
    const stream = this.#streams.get(attempt);
    if (stream === undefined) return;
    this.#streams.delete(attempt);
    stream.reader.refresh();
    stream.reader.remove();
  }

  close(): void {
    this.#isLive = false;
  }

  #complete(stream: Stream): void {
    this.forget(stream.attempt);
    this.#options.onDrained(stream.attempt, Number.MAX_SAFE_INTEGER);
    this.#options.onComplete(stream.attempt, stream.epoch);
  }

  #streamOf(attempt: AttemptId, epoch: number): Stream {
    const known = this.#streams.get(attempt);
    if (known !== undefined && known.epoch === epoch) return known;
    const first = firstPieceOf(this.#options.spoolFolder, attempt, epoch);
    const reader = new SpoolReader(this.#options.spoolFolder, attempt, epoch, first);
    const stream: Stream = {
      attempt,
      epoch,
      reader,
      acked: 0,
      sent: 0,
      final: undefined,
      isLastSent: false,
      hasMore: true,
    };
    this.#streams.set(attempt, stream);
    return stream;
  }

  #schedule(): void {
    if (this.#isScheduled || !this.#isLive) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (!this.#isLive || this.#isWriting) return;
    let outstanding = 0;
    for (const stream of this.#streams.values()) outstanding += stream.sent - stream.acked;
    for (const stream of this.#streams.values()) {
      const frame = this.#nextFrame(stream, outstanding);
      if (frame === undefined) continue;
      this.#isWriting = true;
      const isTaken = this.#options.send(frame.bytes, () => {
        this.#isWriting = false;
        this.#schedule();
      });
      if (!isTaken) {
        this.#isWriting = false;
        return;
      }
      stream.sent = frame.sent;
      if (frame.isLast) stream.isLastSent = true;
      // Turn by turn: the stream goes to the end of the line.
      this.#streams.delete(stream.attempt);
      this.#streams.set(stream.attempt, stream);
      return;
    }
  }

  #nextFrame(stream: Stream, outstanding: number): { bytes: Uint8Array; sent: number; isLast: boolean } | undefined {
    if (stream.hasMore && stream.sent >= stream.reader.availableBytes) {
      stream.reader.refresh();
      if (stream.sent >= stream.reader.availableBytes) stream.hasMore = false;
    }
    const head = { attempt: stream.attempt, epoch: stream.epoch, liveOnly: false };
    if (stream.final !== undefined && stream.sent >= stream.final) {
      if (stream.isLastSent) return undefined;
      const last = { ...head, codec: 0 as const, last: true, gap: false, rawLength: 0, offset: stream.final, crc32: 0 };
      return { bytes: encodeLogFrame(last, new Uint8Array()), sent: stream.sent, isLast: true };
    }
    if (stream.sent - stream.acked >= this.#windowAttempt || outstanding >= this.#windowConnection) return undefined;
    const found = stream.reader.at(stream.sent);
    if (found === undefined) return this.#lostBytes(stream);
    const { segment, payload } = found;
    const gap = segment.gapBytes > 0;
    const header = {
      ...head,
      codec: segment.codec,
      last: false,
      gap,
      rawLength: segment.rawLength,
      offset: segment.offset,
      crc32: segment.crc32,
    };
    const bytes = encodeLogFrame(header, gap ? encodeLogGap(segment.gapBytes, gapCauses.dropped) : payload);
    return { bytes, sent: segment.offset + segment.rawLength + segment.gapBytes, isLast: false };
  }

  /** The stream has ended and its spool does not hold what is wanted: say so with a gap, never silently. */
  #lostBytes(stream: Stream): { bytes: Uint8Array; sent: number; isLast: boolean } | undefined {
    if (stream.final === undefined) return undefined;
    const until = stream.reader.after(stream.sent) ?? stream.final;
    const missing = until - stream.sent;
    const header = {
      attempt: stream.attempt,
      epoch: stream.epoch,
      liveOnly: false,
      codec: 0 as const,
      last: false,
      gap: true,
      rawLength: 0,
      offset: stream.sent,
      crc32: 0,
    };
    return {
      bytes: encodeLogFrame(header, encodeLogGap(missing, gapCauses.spoolLost)),
      sent: until,
      isLast: false,
    };
  }
}

/** The lowest piece on disk: older ones were acknowledged and deleted by an earlier process. */
function firstPieceOf(folder: string, attempt: string, epoch: number): number {
  const head = `${attempt}.${epoch}.`;
  let first: number | undefined;
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(head)) continue;
    const piece = Number(name.slice(head.length));
    if (Number.isInteger(piece)) first = Math.min(first ?? piece, piece);
  }
  return first ?? 0;
}
