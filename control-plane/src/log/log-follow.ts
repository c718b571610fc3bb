// Following logs as server-sent events: `lines` and `stream` frames, then one `end`.
//  F1. The id of a frame says how far each attempt was told; a client that comes back with it misses and repeats nothing.
//  F2. What is told was read from storage. News only say when to look; a poll finds what another replica stored.
//  F3. Whoever may not read logs any more is told none, and the answer ends.
import type { FastifyReply, FastifyRequest } from "fastify";
import { idFromUuid, type LogLine } from "@capstan/proto";
import type { ProjectScope } from "../http/request-context.ts";
import type { ReadStream } from "./log-read.store.ts";
import { streamView, type LogReader } from "./log-reader.ts";

const linesMax = 500;
const pollMs = 1000;
const gatherMs = 50;
const commentMs = 15_000;
const unsentBytesMax = 256 * 1024;

export interface FollowOptions {
  readonly project: ProjectScope;
  readonly run: string;
  readonly task: string | undefined;
  readonly attempt: number | undefined;
  /** Of a client that comes back: lines told by attempt. */
  readonly told: Map<string, number>;
  /** Calls back when the client may not have them any more; gives what stops the watch. */
  readonly watchRights: (end: () => void) => () => void;
}

/** Position of a client: `att_…:lines` of each attempt, joined by commas. Anything else starts at the beginning. */
export function readPosition(id: string | undefined): Map<string, number> {
  const told = new Map<string, number>();
  for (const part of (id ?? "").split(",")) {
    const match = /^(att_[0-9a-z]{26}):(\d{1,15})$/.exec(part);
    if (match?.[1] !== undefined && match[2] !== undefined) told.set(match[1], Number(match[2]));
  }
  return told;
}

/** Writes until the run's logs are at their end or the client leaves. */
export async function followLogs(
  reader: LogReader,
  request: FastifyRequest,
  reply: FastifyReply,
  options: FollowOptions,
): Promise<void> {
  reply.hijack();
  const out = reply.raw;
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) out.setHeader(name, value);
  out.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
  });
  out.flushHeaders();
  const { project, told } = options;
  const states = new Map<string, string>();
  const watches = new Map<string, () => void>();
  let gone = false;
  let wake: (() => void) | undefined;
  let saidMs = Date.now();
  const leave = (): void => {
    gone = true;
    wake?.();
  };
  request.raw.on("close", leave);
  const unwatch = options.watchRights(leave);
  out.on("error", () => {
    gone = true;
  });
  const send = (event: string, payload: object): void => {
    const id = [...told].map(([attempt, lines]) => `${attempt}:${lines}`).join();
    out.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(payload)}\n\n`);
    saidMs = Date.now();
    if (out.writableLength > unsentBytesMax * 4) out.destroy(); // a slow reader comes back with its id
  };
  const drained = async (): Promise<void> => {
    if (out.writableLength <= unsentBytesMax || gone) return;
    await new Promise<void>((resolve) => {
      out.once("drain", resolve);
      out.once("close", resolve);
    });
  };
  const tell = async (stream: ReadStream): Promise<void> => {
    const attemptId = idFromUuid("att", stream.attemptId);
    for (;;) {
      const from = told.get(attemptId) ?? 0;
      const lines: LogLine[] = await reader.lines(project, stream, from, linesMax);
      if (lines.length === 0 || gone) return;
      told.set(attemptId, from + lines.length);
      send("lines", { task: stream.task, attempt: stream.attempt, attemptId, lines });
      await drained();
    }
  };
  try {
    while (!gone) {
      const run = await reader.run(project, options.run);
      const streams = await reader.streams(project, run, options.task, options.attempt);
      for (const stream of streams) {
        if (!watches.has(stream.attemptId))
          watches.set(
            stream.attemptId,
            reader.follow(stream.attemptId, () => wake?.()),
          );
        await tell(stream);
        if (states.get(stream.attemptId) !== stream.state) {
          states.set(stream.attemptId, stream.state);
          send("stream", streamView(stream));
        }
      }
      if (run.ended && streams.every((stream) => stream.state !== "open")) {
        send("end", { run: run.name, state: run.state });
        break;
      }
      if (Date.now() - saidMs > commentMs) {
        out.write(":\n\n");
        saidMs = Date.now();
      }
      await new Promise<void>((resolve) => {
        const poll = setTimeout(resolve, pollMs);
        wake = () => {
          clearTimeout(poll);
          setTimeout(resolve, gatherMs);
        };
      });
      wake = undefined;
    }
  } finally {
    unwatch();
    for (const end of watches.values()) end();
    out.end();
  }
}
