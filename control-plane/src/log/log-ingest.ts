// Log frames of all sessions into storage.
//  A1. A segment is taken iff its offset is the stream's length; the row says so again in the statement. Only a commit
//      moves the acknowledgement.
//  A2. One statement in flight, holding everything that gathered meanwhile from all sessions. No timer delays it.
//  A3. An attempt's stream belongs to the agent that has the attempt, with its epoch. The session proves the agent.
//  A4. A stream is complete when all bytes are there and their digest is the one of the finish. The digest runs along
//      while frames arrive; where it cannot (a restart in between) the stored stream is read once at the end.
import { createHash, type Hash } from "node:crypto";
import { uuidFromId, type AttemptId, type LogFrame } from "@capstan/proto";
import type { LogSource } from "./log-source.ts";
import type { LogStore, Segment, StreamRow } from "./log.store.ts";
import type { LogWatch } from "./log-watch.ts";
import { checkSegment, inflate } from "./segment.ts";

interface Final {
  readonly bytes: number;
  readonly sha256: string;
}

interface Stream {
  readonly id: AttemptId;
  readonly attemptId: string;
  readonly projectId: string;
  readonly epoch: number;
  source: LogSource;
  /** Frames that came before the row was read; undefined once it was. */
  waiting: LogFrame[] | undefined;
  committed: number;
  /** Length including what is on its way to the database. */
  expected: number;
  hash: Hash | undefined;
  final: Final | undefined;
  last: boolean;
  closed: boolean;
  corrupt: number;
  restarted: boolean;
  nacked: boolean;
  ending: boolean;
}

interface Pending {
  readonly stream: Stream;
  readonly segment: Segment;
}

export interface LogIngestOptions {
  readonly windowBytes: number;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly onError: (error: unknown) => void;
  /** Pause before a statement is tried again while the database is away. */
  readonly retryMs?: number;
}

const batchBytesMax = 4 * 1024 * 1024;
const batchSegmentsMax = 512;
const corruptMax = 3;
const streamsMax = 20_000;

export class LogIngest {
  private readonly store: LogStore;
  private readonly watch: LogWatch;
  private readonly options: LogIngestOptions;
  private readonly streams = new Map<string, Stream>();
  private queue: Pending[] = [];
  private unopened: Stream[] = [];
  private writing = false;
  private opening = false;

  constructor(store: LogStore, watch: LogWatch, options: LogIngestOptions) {
    this.store = store;
    this.watch = watch;
    this.options = options;
  }

  /** Takes a frame of an authenticated session. Answers come as `log.ack` and `log.nack` of the source. */
  append(source: LogSource, frame: LogFrame): void {
    if (frame.liveOnly) return;
    const stream = this.streamOf(source, frame.attempt, frame.epoch);
    if (stream === undefined) return source.unknownLog();
    if (stream.waiting !== undefined) stream.waiting.push(frame);
    else this.take(stream, frame);
  }

  /** The finish of an attempt says how long its log is and which digest it has. */
  finished(source: LogSource, attemptId: string, id: AttemptId, epoch: number, final: Final): void {
    const stream = this.streamOf(source, id, epoch);
    if (stream === undefined || attemptId !== stream.attemptId) return;
    stream.final ??= { bytes: final.bytes, sha256: final.sha256 };
    this.complete(stream);
  }

  /** The session is gone: what it sent and was not committed comes again in the next one. */
  sourceClosed(source: LogSource): void {
    for (const stream of this.streams.values()) {
      if (stream.source === source && stream.expected === stream.committed && !stream.ending)
        this.streams.delete(stream.attemptId);
    }
  }

  private streamOf(source: LogSource, id: AttemptId, epoch: number): Stream | undefined {
    const attemptId = uuidFromId("att", id);
    if (attemptId === undefined) return undefined;
    const known = this.streams.get(attemptId);
    if (known !== undefined) {
      if (known.epoch !== epoch || known.projectId !== source.projectId || known.source.agentId !== source.agentId)
        return undefined;
      known.source = source;
      return known;
    }
    if (this.streams.size >= streamsMax) this.forgetIdle();
    const stream: Stream = {
      id,
      attemptId,
      projectId: source.projectId,
      epoch,
      source,
      waiting: [],
      committed: 0,
      expected: 0,
      hash: undefined,
      final: undefined,
      last: false,
      closed: false,
      corrupt: 0,
      restarted: false,
      nacked: false,
      ending: false,
    };
    this.streams.set(attemptId, stream);
    this.unopened.push(stream);
    this.openAll();
    return stream;
  }

  private openAll(): void {
    if (this.opening || this.unopened.length === 0) return;
    this.opening = true;
    const streams = this.unopened;
    this.unopened = [];
    const asked = streams.map((one) => ({
      projectId: one.projectId,
      attemptId: one.attemptId,
      agentId: one.source.agentId,
      epoch: one.epoch,
    }));
    this.retried(() => this.store.open(asked))
      .then(
        (rows) => this.opened(streams, rows),
        (error: unknown) => {
          this.options.onError(error);
          for (const stream of streams) this.streams.delete(stream.attemptId);
        },
      )
      .finally(() => {
        this.opening = false;
        this.openAll();
      });
  }

  private opened(streams: readonly Stream[], rows: readonly StreamRow[]): void {
    const byId = new Map(rows.map((row) => [row.attemptId, row]));
    for (const stream of streams) {
      const row = byId.get(stream.attemptId);
      if (row === undefined) {
        this.streams.delete(stream.attemptId);
        stream.source.unknownLog();
        continue;
      }
      stream.committed = row.committedBytes;
      stream.expected = row.committedBytes;
      stream.closed = row.state === "complete";
      if (row.committedBytes === 0) stream.hash = createHash("sha256");
      if (row.finalBytes !== undefined && row.finalSha256 !== undefined) {
        stream.final ??= { bytes: row.finalBytes, sha256: row.finalSha256 };
      }
      const frames = stream.waiting ?? [];
      stream.waiting = undefined;
      for (const frame of frames) this.take(stream, frame);
      this.complete(stream);
    }
  }

  private take(stream: Stream, frame: LogFrame): void {
    const length = frame.gap ? frame.gapBytes : frame.rawLength;
    if (frame.offset + length <= stream.committed && !(frame.last && !stream.closed)) return this.acknowledge(stream);
    if (stream.closed) return this.refuse(stream, "closed");
    if (frame.offset + length <= stream.expected && length > 0) return; // on its way; its acknowledgement follows the commit
    if (frame.offset !== stream.expected) return this.refuse(stream, "gap");
    stream.nacked = false;
    if (frame.gap) {
      if (length > 0)
        this.put(stream, { frame, lengthBytes: length, lines: 1, baseMs: Date.now(), flags: 2, codec: 0 });
    } else if (length > 0) {
      const checked = checkSegment(frame);
      if (checked === undefined) {
        stream.corrupt++;
        return stream.corrupt >= corruptMax ? this.giveUp(stream) : this.refuse(stream, "corrupt");
      }
      stream.corrupt = 0;
      stream.hash?.update(checked.raw);
      this.put(stream, {
        frame,
        lengthBytes: length,
        lines: checked.lines,
        baseMs: checked.baseMs,
        flags: 0,
        codec: frame.codec,
      });
    }
    if (frame.last) {
      stream.last = true;
      this.complete(stream);
    }
  }

  private put(
    stream: Stream,
    part: { frame: LogFrame; lengthBytes: number; lines: number; baseMs: number; flags: number; codec: number },
  ): void {
    const { frame, ...rest } = part;
    const { projectId, attemptId } = stream;
    stream.expected += part.lengthBytes;
    this.queue.push({
      stream,
      segment: { projectId, attemptId, startBytes: frame.offset, payload: frame.payload, ...rest },
    });
    this.write();
  }

  private write(): void {
    if (this.writing || this.queue.length === 0) return;
    this.writing = true;
    let bytes = 0;
    let count = 0;
    while (count < this.queue.length && count < batchSegmentsMax && bytes < batchBytesMax) {
      bytes += this.queue[count]?.segment.payload.length ?? 0;
      count++;
    }
    const batch = count === this.queue.length ? this.queue : this.queue.slice(0, count);
    this.queue = count === this.queue.length ? [] : this.queue.slice(count);
    this.retried(() => this.store.append(batch.map((one) => one.segment)))
      .then(
        (moved) => this.written(batch, moved),
        (error: unknown) => {
          this.options.onError(error);
          this.written(batch, new Map());
        },
      )
      .finally(() => {
        this.writing = false;
        this.write();
      });
  }

  private written(batch: readonly Pending[], moved: ReadonlyMap<string, number>): void {
    for (const stream of new Set(batch.map((one) => one.stream))) {
      const committed = moved.get(stream.attemptId);
      if (committed === undefined) {
        this.reload(stream);
        continue;
      }
      stream.committed = committed;
      this.acknowledge(stream);
      this.watch.tell(stream.attemptId);
      this.complete(stream);
    }
  }

  /** The row stands elsewhere than believed here: another session moved it. Read it again and say where to go on. */
  private reload(stream: Stream): void {
    this.queue = this.queue.filter((one) => one.stream !== stream);
    stream.waiting = [];
    stream.hash = undefined;
    stream.last = false;
    const { source, projectId, attemptId, epoch } = stream;
    this.retried(() => this.store.open([{ projectId, attemptId, agentId: source.agentId, epoch }])).then(([row]) => {
      stream.waiting = undefined;
      if (row === undefined) return;
      stream.committed = row.committedBytes;
      stream.expected = row.committedBytes;
      stream.closed = row.state === "complete";
      stream.nacked = false;
      this.refuse(stream, stream.closed ? "closed" : "gap");
    }, this.options.onError);
  }

  private acknowledge(stream: Stream): void {
    stream.source.logAck({
      attempt: stream.id,
      bytes: stream.committed,
      window: this.options.windowBytes,
      ...(stream.closed ? { complete: true } : {}),
    });
  }

  /** Told once per gap: the frames behind the missing one are all refused for the same reason. */
  private refuse(stream: Stream, reason: "gap" | "corrupt" | "closed"): void {
    if (stream.nacked && reason === "gap") return;
    stream.nacked = reason !== "closed";
    stream.source.logNack({ attempt: stream.id, expect: stream.expected, reason });
  }

  private giveUp(stream: Stream): void {
    stream.closed = true;
    const final = stream.final ?? { bytes: stream.expected, sha256: "" };
    this.end(stream, final, "incomplete", () => this.refuse(stream, "closed"));
  }

  private complete(stream: Stream): void {
    if (stream.closed || stream.ending || stream.waiting !== undefined) return;
    const final = stream.final;
    if (final === undefined) {
      if (stream.last && stream.committed === stream.expected) this.lookForFinal(stream);
      return;
    }
    // The digest says that the stream is whole, with or without a frame marked as the last.
    if (stream.committed !== final.bytes || stream.expected !== final.bytes) return;
    stream.ending = true;
    this.digestOf(stream).then(
      (found) => {
        stream.ending = false;
        if (found === final.sha256) {
          this.end(stream, final, "complete", () => {
            stream.closed = true;
            this.acknowledge(stream);
            this.watch.tell(stream.attemptId);
          });
        } else this.wrongDigest(stream, final);
      },
      (error: unknown) => {
        stream.ending = false;
        this.options.onError(error);
      },
    );
  }

  private wrongDigest(stream: Stream, final: Final): void {
    if (stream.restarted) {
      stream.closed = true;
      this.end(stream, final, "incomplete", () => this.acknowledge(stream));
      return;
    }
    stream.restarted = true;
    stream.last = false;
    stream.waiting = [];
    this.retried(() => this.store.restart(stream.projectId, stream.attemptId)).then(() => {
      stream.waiting = undefined;
      stream.committed = 0;
      stream.expected = 0;
      stream.hash = createHash("sha256");
      stream.source.logNack({ attempt: stream.id, expect: 0, reason: "corrupt" });
    }, this.options.onError);
  }

  private end(stream: Stream, final: Final, state: "complete" | "incomplete", then: () => void): void {
    stream.ending = true;
    const ending = {
      projectId: stream.projectId,
      attemptId: stream.attemptId,
      finalBytes: final.bytes,
      finalSha256: final.sha256,
      state,
    };
    this.retried(() => this.store.end([ending]))
      .then(then, this.options.onError)
      .finally(() => {
        stream.ending = false;
        // A repeated frame finds the row again.
        if (stream.closed) this.streams.delete(stream.attemptId);
      });
  }

  private lookForFinal(stream: Stream): void {
    this.store.finalOf(stream.projectId, stream.attemptId).then((final) => {
      if (final === undefined || stream.final !== undefined) return;
      stream.final = final;
      this.complete(stream);
    }, this.options.onError);
  }

  private async digestOf(stream: Stream): Promise<string> {
    if (stream.hash !== undefined) return stream.hash.copy().digest("hex");
    const hash = createHash("sha256");
    for await (const { codec, payload } of this.store.segments(stream.projectId, stream.attemptId)) {
      hash.update(inflate(codec, payload) ?? new Uint8Array());
    }
    return hash.digest("hex");
  }

  private forgetIdle(): void {
    for (const stream of this.streams.values()) {
      if (
        stream.waiting === undefined &&
        !stream.ending &&
        stream.expected === stream.committed &&
        stream.final === undefined
      ) {
        this.streams.delete(stream.attemptId);
      }
    }
  }

  /** While the database is away nothing is dropped: windows bound what can gather here. */
  private async retried<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!this.options.isUnavailable(error)) throw error;
        await new Promise<void>((resolve) => {
          setTimeout(resolve, this.options.retryMs ?? 500).unref();
        });
      }
    }
  }
}
