// Server-sent events over fetch, and the resuming that makes a broken line harmless.
import { setTimeout as delay } from "node:timers/promises";
import { createParser } from "eventsource-parser";

export interface ServerEvent {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: string;
}

/** The events of one answer, as they come; ends with it, also when the line breaks. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const ready: ServerEvent[] = [];
  const parser = createParser({
    onEvent: (event) => ready.push({ id: event.id, type: event.event ?? "message", data: event.data }),
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      let chunk: { done: boolean; value?: Uint8Array | undefined };
      try {
        chunk = await reader.read();
      } catch {
        return; // a broken line: the caller resumes from the last id
      }
      if (chunk.done) return;
      parser.feed(decoder.decode(chunk.value, { stream: true }));
      yield* ready.splice(0);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

export interface ResumeOptions {
  /** Opens one connection from the last id that was seen. */
  readonly open: (lastEventId: string | undefined) => AsyncGenerator<ServerEvent>;
  /** True for a failure after which another try makes sense: the control plane is away for a moment. */
  readonly isPassing: (error: unknown) => boolean;
  /** How long to go on without any event before giving up. Default 2 minutes. */
  readonly patienceMs?: number;
  /** Ends the stream quietly, also between two connections. */
  readonly signal?: AbortSignal;
}

/** All events of a stream, over as many connections as it takes. Ends only when the caller stops reading, or by an error that is not passing. */
export async function* resumingEvents(options: ResumeOptions): AsyncGenerator<ServerEvent> {
  const patienceMs = options.patienceMs ?? 120_000;
  let lastEventId: string | undefined;
  let heardAt = performance.now();
  let pauseMs = 100;
  for (;;) {
    try {
      for await (const event of options.open(lastEventId)) {
        if (event.id !== undefined) lastEventId = event.id;
        heardAt = performance.now();
        pauseMs = 100;
        yield event;
      }
    } catch (error) {
      if (options.signal?.aborted === true) return;
      if (!options.isPassing(error) || performance.now() - heardAt > patienceMs) throw error;
    }
    if (await aborted(pauseMs, options.signal)) return;
    pauseMs = Math.min(pauseMs * 2, 5000);
  }
}

/** Waits; true where the signal came first. */
async function aborted(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
    return signal?.aborted === true;
  } catch {
    return true;
  }
}
