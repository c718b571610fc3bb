// Records of the canonical stream, `<s><t> <bytes>\n`, for readers (docs/protocol.md, "Logs").
export type LogStreamName = "stdout" | "stderr" | "system";

export interface LogRecord {
  readonly stream: LogStreamName;
  readonly atMs: number;
  /** The task's own bytes, without the newline. */
  readonly bytes: Uint8Array;
  /** True where the task wrote no newline behind it. */
  readonly partial: boolean;
}

const names: Readonly<Record<string, LogStreamName>> = { o: "stdout", e: "stderr", s: "system" };

/** Calls `visit` for each record but the base record, until it returns false. */
export function visitRecords(raw: Uint8Array, baseMs: number, visit: (record: LogRecord) => boolean): void {
  let start = 0;
  let first = true;
  while (start < raw.length) {
    let end = raw.indexOf(10, start);
    if (end < 0) end = raw.length;
    const isBase =
      first && raw[start] === 115 && raw[start + 2] === 32 && raw[start + 3] === 64 && raw[start + 1] === 48;
    first = false;
    if (!(isBase && baseMs > 0) && !visit(recordOf(raw, start, end, baseMs))) return;
    start = end + 1;
  }
}

function recordOf(raw: Uint8Array, start: number, end: number, baseMs: number): LogRecord {
  const letter = String.fromCharCode(raw[start] ?? 0);
  const stream = names[letter.toLowerCase()];
  const space = raw.indexOf(32, start);
  if (stream === undefined || space < 0 || space >= end || space - start > 12) {
    return { stream: "system", atMs: baseMs, bytes: raw.subarray(start, end), partial: false };
  }
  let offset = 0;
  for (let i = start + 1; i < space; i++) offset = offset * 36 + digit36(raw[i] ?? 0);
  return {
    stream,
    atMs: baseMs + offset,
    bytes: raw.subarray(space + 1, end),
    partial: letter !== letter.toLowerCase(),
  };
}

const digit36 = (code: number): number => (code < 58 ? code - 48 : (code | 32) - 87);

/** The line that stands for bytes that were left out. */
export const gapText = (bytes: number, cause: number): string =>
  `[${bytes.toLocaleString("en-US").replaceAll(",", " ")} bytes lost: ${causes[cause] ?? "unknown"}]`;
const causes: Readonly<Record<number, string>> = {
  1: "limit",
  2: "disk full",
  3: "dropped by choice",
  4: "spool lost",
};
