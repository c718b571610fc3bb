// A stream of events that stays: it resumes where it was, and says when it is not live.
//  S1. A reconnect carries the last id that was handed on, so nothing is missed and nothing comes twice.
//  S2. `silenceMaxMs` without a byte counts as broken; comments are bytes, so a quiet stream is not a silent one.
import { readProblem, type ApiProblem } from "../api/problem.ts";
import { sseParser, type SseMessage } from "./sse-parser.ts";

export type StreamState = "connecting" | "live" | "paused";

export interface StreamOptions {
  readonly url: string;
  /** Return "end" to close for good. */
  readonly onMessages: (messages: readonly SseMessage[]) => "end" | void;
  readonly onState?: (state: StreamState) => void;
  /** A refusal that a retry does not change: signed out, forbidden, not found. */
  readonly onRefused?: (problem: ApiProblem) => void;
  readonly silenceMaxMs?: number;
  readonly retryMs?: number;
}

const retryMaxMs = 15_000;

/** Opens the stream; the result closes it. */
export function openStream(options: StreamOptions): () => void {
  const { url, silenceMaxMs = 40_000, retryMs = 1000 } = options;
  let lastId: string | undefined;
  let closed = false;
  let failures = 0;
  let controller = new AbortController();
  let retry: ReturnType<typeof setTimeout> | undefined;

  const close = (): void => {
    closed = true;
    clearTimeout(retry);
    controller.abort();
  };

  const connect = async (): Promise<void> => {
    controller = new AbortController();
    const current = controller;
    let silence = setTimeout(() => current.abort(), silenceMaxMs);
    try {
      const answer = await fetch(url, {
        headers: { accept: "text/event-stream", ...(lastId === undefined ? {} : { "last-event-id": lastId }) },
        credentials: "same-origin",
        cache: "no-store",
        signal: current.signal,
      });
      if (!answer.ok || answer.body === null) {
        const problem = await readProblem(answer);
        if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
          close();
          options.onRefused?.(problem);
        }
        throw problem;
      }
      options.onState?.("live");
      const parse = sseParser();
      const decoder = new TextDecoder();
      const reader = answer.body.getReader();
      for (;;) {
        const piece = await reader.read();
        if (piece.done) break;
        failures = 0;
        clearTimeout(silence);
        silence = setTimeout(() => current.abort(), silenceMaxMs);
        const messages = parse(decoder.decode(piece.value, { stream: true }));
        if (messages.length === 0) continue;
        lastId = messages.findLast((message) => message.id !== undefined)?.id ?? lastId;
        if (options.onMessages(messages) === "end") close();
      }
    } catch {
      // Broken, silent or refused: the caller sees `paused`, and the next attempt follows.
    } finally {
      clearTimeout(silence);
    }
    if (closed) return;
    failures++;
    options.onState?.("paused");
    retry = setTimeout(() => void connect(), Math.min(retryMaxMs, retryMs * 2 ** Math.min(failures - 1, 4)));
  };

  options.onState?.("connecting");
  void connect();
  return close;
}
