// Stored logs for people: lines of a window, bytes of a download, news of a follow.
//  R1. Segments are read in pages and one at a time inflated; no log is ever whole in memory.
//  R2. A line's number is its record's place in the attempt's stream; it never changes.
import {
  AppError,
  gapText,
  idFromUuid,
  parseRunName,
  uuidFromId,
  visitRecords,
  type LogLine,
  type LogStreamView,
} from "@capstan/proto";
import type { ProjectScope } from "../http/request-context.ts";
import type { LogReadStore, ReadRun, ReadSegment, ReadStream } from "./log-read.store.ts";
import type { LogWatch } from "./log-watch.ts";
import { inflate } from "./segment.ts";

const pageSegments = 16;
/** A segment of 64 KiB holds some hundred lines; asking for more than are wanted costs their transport and inflating. */
const segmentLines = 250;
const decoder = new TextDecoder();

export class LogReader {
  private readonly store: LogReadStore;
  private readonly watch: LogWatch;

  constructor(store: LogReadStore, watch: LogWatch) {
    this.store = store;
    this.watch = watch;
  }

  /** A run by `run_…` or `name-42`. @throws not_found */
  async run(project: ProjectScope, run: string): Promise<ReadRun> {
    const id = uuidFromId("run", run);
    const ref = id === undefined ? parseRunName(run) : { id };
    const found = ref === undefined ? undefined : await this.store.run(project.id, ref);
    if (found === undefined) throw new AppError("not_found", `There is no run ${run} in project ${project.name}.`);
    return found;
  }

  /** The streams of a run, or of one task or attempt. @throws not_found for a task that the run does not have */
  async streams(
    project: ProjectScope,
    run: ReadRun,
    task: string | undefined,
    attempt: number | undefined,
  ): Promise<readonly ReadStream[]> {
    const streams = await this.store.streams(project.id, run, task, attempt);
    if (streams.length === 0 && task !== undefined && !(await this.store.hasTask(project.id, run.runId, task)))
      throw new AppError("not_found", `${run.name} has no task ${task}.`);
    return streams;
  }

  /** Lines from `fromLine` on, at most `limit`; fewer where fewer are stored. */
  async lines(project: ProjectScope, stream: ReadStream, fromLine: number, limit: number): Promise<LogLine[]> {
    const lines: LogLine[] = [];
    let next = fromLine;
    while (lines.length < limit) {
      const page = Math.min(pageSegments, Math.ceil((limit - lines.length) / segmentLines));
      const segments = await this.store.segments(project.id, stream.attemptId, next, page);
      for (const segment of segments) {
        if (lines.length >= limit) break;
        collect(stream, segment, next, limit, lines);
      }
      const last = segments.at(-1);
      if (last === undefined || segments.length < page) break;
      next = last.startLines + last.lines;
    }
    return lines;
  }

  /** The task's own bytes, line by line, as stored: streams in order, without times. */
  async *raw(project: ProjectScope, streams: readonly ReadStream[]): AsyncGenerator<Buffer> {
    for (const stream of streams) {
      let next = 0;
      for (;;) {
        const segments = await this.store.segments(project.id, stream.attemptId, next, pageSegments);
        for (const segment of segments) yield plain(segment);
        const last = segments.at(-1);
        if (last === undefined || segments.length < pageSegments) break;
        next = last.startLines + last.lines;
      }
    }
  }

  /** Calls after something of the attempt was stored in this replica. */
  follow(attemptId: string, onNews: () => void): () => void {
    return this.watch.watch(attemptId, onNews);
  }
}

const keptView = (
  { agent, store }: NonNullable<ReadStream["keptBy"]>,
  attemptId: string,
): NonNullable<LogStreamView["keptBy"]> => ({
  agent,
  store,
  command: `capstan agent logs ${idFromUuid("att", attemptId)}`,
});

export const streamView = (stream: ReadStream): LogStreamView => ({
  task: stream.task,
  attempt: stream.attempt,
  attemptId: idFromUuid("att", stream.attemptId),
  bytes: stream.bytes,
  lines: stream.lines,
  state: stream.state,
  sha256: stream.state === "complete" || stream.state === "kept" ? (stream.sha256 ?? null) : null,
  ...(stream.keptBy === undefined ? {} : { keptBy: keptView(stream.keptBy, stream.attemptId) }),
});

function collect(stream: ReadStream, segment: ReadSegment, fromLine: number, limit: number, out: LogLine[]): void {
  let line = segment.startLines;
  const { task, attempt } = stream;
  if ((segment.flags & 2) !== 0) {
    if (line >= fromLine && out.length < limit) {
      const text = gapText(segment.lengthBytes, segment.payload[8] ?? 0);
      out.push({ task, attempt, line, at: new Date(segment.baseMs).toISOString(), stream: "system", text });
    }
    return;
  }
  const raw = inflate(segment.codec, segment.payload);
  if (raw === undefined) return;
  visitRecords(raw, segment.baseMs, (record) => {
    if (line >= fromLine) {
      out.push({
        task,
        attempt,
        line,
        at: new Date(record.atMs).toISOString(),
        stream: record.stream,
        text: decoder.decode(record.bytes),
      });
    }
    line++;
    return out.length < limit;
  });
}

const newline = Buffer.from("\n");

function plain(segment: ReadSegment): Buffer {
  if ((segment.flags & 2) !== 0) return Buffer.from(`${gapText(segment.lengthBytes, segment.payload[8] ?? 0)}\n`);
  const parts: Uint8Array[] = [];
  visitRecords(inflate(segment.codec, segment.payload) ?? new Uint8Array(), segment.baseMs, (record) => {
    parts.push(record.bytes);
    if (!record.partial) parts.push(newline);
    return true;
  });
  return Buffer.concat(parts);
}
