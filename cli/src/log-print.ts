// Printing logs, as they are stored and as they come.
import {
  logEndFrameSchema,
  logLinesFrameSchema,
  logStreamSchema,
  type LogLine,
  type LogStreamView,
} from "@capstan/proto";
import type { Client } from "./api/client.ts";
import { resumingEvents } from "./api/event-stream.ts";
import type { Output } from "./output/output.ts";
import { isPassing } from "./run-watch.ts";

export interface LogOptions {
  readonly run: string;
  readonly task?: string;
  readonly attempt?: number;
  readonly tail?: number;
  /** Each line begins with its task. */
  readonly hasPrefix: boolean;
  readonly hasTimes: boolean;
  /** Only lines that it says yes to; `tail` counts among those. */
  readonly keep?: (line: LogLine) => boolean;
}

/** Escape sequences other than colours could move the cursor or set a title: they are taken out. */
export const harmless = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  text.replace(/\u001b\[[0-9;]*m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (found) =>
    found.length > 1 ? found : "",
  );

export function logLine(out: Output, line: LogLine, options: LogOptions): string {
  const time = options.hasTimes ? `${line.at} ` : "";
  const prefix = options.hasPrefix ? `${out.tone("grey", `${line.task} |`)} ` : "";
  const text = harmless(line.text);
  return `${time}${prefix}${line.stream === "system" ? out.tone("grey", text) : text}\n`;
}

const print = (out: Output, all: readonly LogLine[], options: LogOptions): void => {
  const { keep } = options;
  const lines = keep === undefined ? all : all.filter((line) => keep(line));
  if (out.isJson) for (const line of lines) out.data(JSON.stringify(line) + "\n");
  else out.data(lines.map((line) => logLine(out, line, options)).join(""));
};

const narrowed = ({ task, attempt }: LogOptions): { task?: string; attempt?: number } => ({
  ...(task === undefined ? {} : { task }),
  ...(attempt === undefined ? {} : { attempt }),
});

/** Says of each log that is kept elsewhere where it is; a stream is told more than once while it goes on. */
function kept(out: Output, streams: readonly LogStreamView[], told: Set<string>): void {
  for (const { keptBy, task, attemptId } of streams) {
    if (keptBy === undefined || told.has(attemptId)) continue;
    told.add(attemptId);
    out.talk(`the log of ${task} stays on the host of ${keptBy.agent} (${keptBy.store}); there: ${keptBy.command}`);
  }
}

/** Prints what is stored, window by window. */
export async function printLogs(client: Client, out: Output, options: LogOptions): Promise<void> {
  const params = { run: options.run };
  if (options.tail !== undefined && options.keep === undefined) {
    const window = await client.call("runLogs", { params, query: { ...narrowed(options), tail: options.tail } });
    print(out, window.data, options);
    kept(out, window.streams, new Set());
    return;
  }
  const told = new Set<string>();
  let last: LogLine[] = [];
  let cursor: string | undefined;
  do {
    const window = await client.call("runLogs", {
      params,
      query: { ...narrowed(options), limit: 5000, ...(cursor === undefined ? {} : { cursor }) },
    });
    if (options.tail === undefined) print(out, window.data, options);
    else last = [...last, ...window.data.filter((line) => options.keep?.(line) !== false)].slice(-options.tail);
    kept(out, window.streams, told);
    cursor = window.nextCursor ?? undefined;
  } while (cursor !== undefined);
  print(out, last, options);
}

/** Prints lines as they come until the logs end; resumes where a line broke. */
export async function followLogs(client: Client, out: Output, options: LogOptions): Promise<void> {
  const query = {
    ...narrowed(options),
    follow: "1" as const,
    ...(options.tail === undefined || options.keep !== undefined ? {} : { tail: options.tail }),
  };
  const open = (last: string | undefined): ReturnType<Client["events"]> =>
    client.events("runLogs", { params: { run: options.run }, query }, last);
  const told = new Set<string>();
  for await (const event of resumingEvents({ open, isPassing })) {
    if (event.type === "lines") print(out, logLinesFrameSchema.parse(JSON.parse(event.data)).lines, options);
    else if (event.type === "stream") kept(out, [logStreamSchema.parse(JSON.parse(event.data))], told);
    else if (event.type === "end") {
      logEndFrameSchema.parse(JSON.parse(event.data));
      return;
    }
  }
}
