// The log of one attempt as windows of lines: what is on the screen is held, not the log.
//  L1. At most `windowsMax` windows are held; the one looked at last goes last.
//  L2. A line arrives once: by window or by follow, whichever is first.
import type { LogLine } from "@capstan/proto";

export const windowLines = 2000;
const windowsMax = 5;

export type LoadLines = (
  fromLine: number,
  limit: number,
) => Promise<{ readonly lines: readonly LogLine[]; readonly total: number; readonly bytes: number }>;

export interface LogStore {
  readonly subscribe: (listener: () => void) => () => void;
  /** Grows with every change. */
  readonly version: () => number;
  readonly total: () => number;
  readonly bytes: () => number;
  readonly error: () => unknown;
  readonly ready: () => boolean;
  readonly line: (line: number) => LogLine | undefined;
  /** Fetches what is missing of these lines. */
  readonly want: (first: number, end: number) => void;
  /** Lines that follow brought. */
  readonly append: (lines: readonly LogLine[]) => void;
  readonly retry: () => void;
}

export function logStore(load: LoadLines, notifySoon: (notify: () => void) => void = (notify) => notify()): LogStore {
  const windows = new Map<number, (LogLine | undefined)[]>();
  const loading = new Set<number>();
  /** How long the log was when a window was fetched: one that came back short is not asked for again until it grows. */
  const fetchedAt = new Map<number, number>();
  const listeners = new Set<() => void>();
  let version = 0;
  let total = 0;
  let bytes = 0;
  let ready = false;
  let error: unknown;
  let scheduled = false;

  const changed = (): void => {
    version++;
    if (scheduled) return;
    scheduled = true;
    notifySoon(() => {
      scheduled = false;
      for (const listener of listeners) listener();
    });
  };

  const touch = (index: number): (LogLine | undefined)[] => {
    const held = windows.get(index) ?? [];
    windows.delete(index);
    windows.set(index, held);
    while (windows.size > windowsMax) {
      const oldest = windows.keys().next().value;
      if (oldest === undefined) break;
      windows.delete(oldest);
      fetchedAt.delete(oldest);
    }
    return held;
  };

  const put = (lines: readonly LogLine[]): void => {
    for (const line of lines) {
      const index = Math.floor(line.line / windowLines);
      const held = windows.get(index) ?? touch(index);
      held[line.line % windowLines] ??= line;
      total = Math.max(total, line.line + 1);
    }
  };

  const fetchWindow = async (index: number): Promise<void> => {
    if (loading.has(index)) return;
    loading.add(index);
    try {
      const got = await load(index * windowLines, windowLines);
      touch(index);
      put(got.lines);
      total = Math.max(total, got.total);
      bytes = Math.max(bytes, got.bytes);
      fetchedAt.set(index, total);
      error = undefined;
      ready = true;
    } catch (cause) {
      error = cause;
    } finally {
      loading.delete(index);
      changed();
    }
  };

  const complete = (index: number): boolean => {
    const held = windows.get(index);
    if (held === undefined) return false;
    const expected = Math.min(windowLines, total - index * windowLines);
    for (let place = 0; place < expected; place++) if (held[place] === undefined) return false;
    return true;
  };

  return {
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    version: () => version,
    total: () => total,
    bytes: () => bytes,
    error: () => error,
    ready: () => ready,
    line: (line) => windows.get(Math.floor(line / windowLines))?.[line % windowLines],
    want: (first, end) => {
      if (error !== undefined) return;
      const last = Math.max(first, end - 1);
      for (let index = Math.floor(first / windowLines); index <= Math.floor(last / windowLines); index++) {
        if (ready && index * windowLines >= total) continue;
        if (ready && (complete(index) || fetchedAt.get(index) === total)) touch(index);
        else void fetchWindow(index);
      }
    },
    append: (lines) => {
      if (lines.length === 0) return;
      put(lines);
      ready = true;
      changed();
    },
    retry: () => {
      error = undefined;
      changed();
    },
  };
}
