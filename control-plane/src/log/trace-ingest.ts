// OTLP batches of agents: stored once by (agent, sequence), acknowledged after the commit.
// Frame, big-endian: u8 0x02 · u8 codec · u8 signal · u8 encoding · u32 raw length · u64 sequence · 16 bytes attempt · payload.
import { uuidFromBytes } from "@capstan/proto";

export interface TraceBatch {
  readonly projectId: string;
  readonly agentId: string;
  readonly sequence: number;
  /** Undefined for telemetry of the agent itself. */
  readonly attemptId: string | undefined;
  readonly signal: number;
  readonly encoding: number;
  readonly codec: number;
  readonly payload: Uint8Array;
}

export interface TraceStore {
  /** Keeps each (agent, sequence) once. */
  add(batches: readonly TraceBatch[]): Promise<void>;
}

export interface TraceSource {
  readonly projectId: string;
  readonly agentId: string;
}

const headerBytes = 32;
const rawBytesMax = 512 * 1024;
const queueMax = 1000;
const noAttempt = "00000000-0000-0000-0000-000000000000";

/** Best effort: traces never delay a result, so what does not fit is left for the agent to send again. */
export class TraceIngest {
  private readonly store: TraceStore;
  private readonly onError: (error: unknown) => void;
  private queue: TraceBatch[] = [];
  private writing = false;

  constructor(store: TraceStore, onError: (error: unknown) => void) {
    this.store = store;
    this.onError = onError;
  }

  /** False where the frame breaks its form. */
  append(source: TraceSource, frame: Buffer): boolean {
    if (frame.length <= headerBytes) return false;
    const codec = frame.readUInt8(1);
    const signal = frame.readUInt8(2);
    const encoding = frame.readUInt8(3);
    const raw = frame.readUInt32BE(4);
    const sequence = Number(frame.readBigUInt64BE(8));
    if (
      codec > 2 ||
      signal < 1 ||
      signal > 3 ||
      encoding > 1 ||
      raw < 1 ||
      raw > rawBytesMax ||
      !Number.isSafeInteger(sequence)
    )
      return false;
    if (this.queue.length >= queueMax) return true;
    const attempt = uuidFromBytes(frame.subarray(16, 32));
    this.queue.push({
      projectId: source.projectId,
      agentId: source.agentId,
      sequence,
      signal,
      encoding,
      codec,
      attemptId: attempt === noAttempt ? undefined : attempt,
      payload: frame.subarray(headerBytes),
    });
    this.write();
    return true;
  }

  private write(): void {
    if (this.writing || this.queue.length === 0) return;
    this.writing = true;
    const batches = this.queue;
    this.queue = [];
    this.store
      .add(batches)
      .catch(this.onError)
      .finally(() => {
        this.writing = false;
        this.write();
      });
  }
}
