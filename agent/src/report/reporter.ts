// Reports to the control plane: one frame per turn, resent in every new session until acknowledged.
//  R1. An item is known by (attempt, epoch, kind, seq); the first acknowledgement ends it.
//  R2. `started` waits 20 ms and is left out where `finish` is there by then: `finish` carries the start.
//  R3. Nothing is handed in here before the journal has it; this class does no I/O.
//  R4. Events that wait for one which nobody has any more are given up.
import { frameBytesMax, reportItemsMax, type AgentBody, type ReportAck, type ReportItem } from "@capstan/proto";

export const startedHoldMs = 20;
/** Leaves room for the envelope; also bounds the keys of a frame, which the peer counts. */
const reportBytesMax = frameBytesMax - 64 * 1024;
const keysMax = 9500;

export interface ReporterOptions {
  /** Sends a `report` frame now; false where no session is open. */
  readonly send: (body: AgentBody<"report">) => boolean;
  readonly demand: () => AgentBody<"ask">;
  readonly onAck: (item: ReportItem, result: ReportAck["items"][number]) => void;
}

const keyOf = (item: { kind: string; attempt: string; epoch: number; seq?: number | undefined }): string =>
  `${item.attempt} ${item.epoch} ${item.kind} ${item.seq ?? 0}`;

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #unacknowledged = new Map<string, ReportItem>();
  readonly #held = new Map<string, ReportItem & { kind: "started" }>();
  #queue: ReportItem[] = [];
  #isScheduled = false;
  #mustTellDemand = false;
  #holdTimer: NodeJS.Timeout | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  get pendingCount(): number {
    return this.#unacknowledged.size;
  }

  add(item: ReportItem): void {
    if (item.kind === "started") {
      this.#held.set(item.attempt, item);
      if (this.#holdTimer === undefined) this.#holdTimer = setTimeout(() => this.#releaseHeld(), startedHoldMs);
      return;
    }
    if (item.kind === "finish") this.#held.delete(item.attempt);
    this.#enqueue(item);
  }

  /** Capacity has changed: told with the next report, or alone in this turn. */
  tellDemand(): void {
    this.#mustTellDemand = true;
    this.#schedule();
  }

  /** A new session is live: everything without an answer goes again. */
  resendAll(): void {
    this.#queue = [...this.#unacknowledged.values()];
    this.#mustTellDemand = true;
    this.#schedule();
  }

  acknowledge(ack: ReportAck): void {
    for (const result of ack.items) {
      const key = keyOf(result);
      const item = this.#unacknowledged.get(key);
      if (item === undefined) continue;
      if (result.result === "expect") {
        this.#resendEvents(item, result.expectSeq ?? 1);
        continue;
      }
      this.#unacknowledged.delete(key);
      this.#options.onAck(item, result);
    }
  }

  /** Nothing about this attempt is to be said any more. */
  forget(attempt: string): void {
    this.#held.delete(attempt);
    for (const [key, item] of this.#unacknowledged) if (item.attempt === attempt) this.#unacknowledged.delete(key);
    this.#queue = this.#queue.filter((item) => item.attempt !== attempt);
  }

  #resendEvents(item: ReportItem, fromSeq: number): void {
    const events = [...this.#unacknowledged.values()].filter(
      (other) => other.kind === "event" && other.attempt === item.attempt && other.seq >= fromSeq,
    );
    // R4: it was acknowledged, and a database that went back in time has forgotten it. Those after it can never be taken:
    // sent again at each answer they would keep both sides busy until the attempt ends.
    if (!events.some((other) => other.kind === "event" && other.seq === fromSeq)) {
      for (const lost of events) this.#unacknowledged.delete(keyOf(lost));
      return;
    }
    this.#queue.push(...events.toSorted((a, b) => (a.kind === "event" && b.kind === "event" ? a.seq - b.seq : 0)));
    this.#schedule();
  }

  #releaseHeld(): void {
    this.#holdTimer = undefined;
    for (const item of this.#held.values()) this.#enqueue(item);
    this.#held.clear();
  }

  #enqueue(item: ReportItem): void {
    this.#unacknowledged.set(keyOf(item), item);
    this.#queue.push(item);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // After all that one sync of the journal, or one frame, has made ready.
    process.nextTick(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#queue.length === 0 && !this.#mustTellDemand) return;
    const queue = this.#queue;
    this.#queue = [];
    this.#mustTellDemand = false;
    let at = 0;
    do {
      const items = takeFrame(queue, at);
      at += items.length;
      // Without a session nothing is lost: `resendAll` follows its opening.
      if (!this.#options.send({ items, ...this.#options.demand() })) return;
    } while (at < queue.length);
  }
}

/** As many items from `at` on as fit one frame; at least one. */
function takeFrame(queue: readonly ReportItem[], at: number): ReportItem[] {
  const items: ReportItem[] = [];
  let bytes = 0;
  let keys = 0;
  for (let i = at; i < queue.length && items.length < reportItemsMax; i++) {
    const item = queue[i];
    if (item === undefined) break;
    const size = sizeOf(item);
    if (items.length > 0 && (bytes + size.bytes > reportBytesMax || keys + size.keys > keysMax)) break;
    bytes += size.bytes;
    keys += size.keys;
    items.push(item);
  }
  return items;
}

/** An upper bound that is cheap for the items of the hot path, which carry no JSON of their own. */
function sizeOf(item: ReportItem): { bytes: number; keys: number } {
  const own =
    item.kind === "finish"
      ? (item.outputs ?? item.failure ?? item.summary)
      : item.kind === "event"
        ? item.body
        : undefined;
  if (own === undefined) return { bytes: 1024, keys: 20 };
  const text = JSON.stringify(item);
  return { bytes: Buffer.byteLength(text), keys: text.split('":').length };
}
