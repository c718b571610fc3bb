"use client";
// The log of one attempt, any length.
//  V1. Only the visible rows are drawn, only the windows around them are held.
//  V2. Follow sticks to the end until the reader scrolls up, and comes back when the end is reached again.
import type { LogLinesFrame, LogStreamView } from "@capstan/proto";
import { Download } from "lucide-react";
import { useCallback, useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore, type UIEvent } from "react";
import { api, apiUrl } from "../../api/client.ts";
import { cn } from "../../lib/cn.ts";
import { formatBytes, formatCount, formatPlural } from "../../lib/format.ts";
import { rowWindow } from "../../lib/scroll-scale.ts";
import { openStream, type StreamState } from "../../live/stream.ts";
import { Button, buttonLook } from "../../ui/button.tsx";
import { logStore } from "./log-store.ts";
import { LogText } from "./log-text.tsx";
import { ProblemNotice } from "./problem-notice.tsx";

const rowHeight = 20;
const drawEveryMs = 100;

export function LogView({
  project,
  run,
  task,
  attempt,
  open,
}: {
  readonly project: string;
  readonly run: string;
  readonly task: string;
  readonly attempt: number;
  readonly open: boolean;
}) {
  const [keptBy, setKeptBy] = useState<LogStreamView["keptBy"]>();
  const [store] = useState(() =>
    logStore(
      async (fromLine, limit) => {
        const window = await api("taskLogs", { params: { project, run, task }, query: { attempt, fromLine, limit } });
        const stream = window.streams.find((each) => each.attempt === attempt);
        if (stream?.keptBy !== undefined) setKeptBy(stream.keptBy);
        return { lines: window.data, total: stream?.lines ?? window.data.length, bytes: stream?.bytes ?? 0 };
      },
      (notify) => void setTimeout(notify, drawEveryMs),
    ),
  );
  useSyncExternalStore(store.subscribe, store.version, () => 0);
  const area = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 400 });
  const [follow, setFollow] = useState(true);
  const [seen, setSeen] = useState(0);
  const [live, setLive] = useState<StreamState>("connecting");
  // Followed to the stream's own end: the last lines may come after the attempt has ended.
  const [ending, setEnding] = useState(!open);
  const total = store.total();
  const rows = rowWindow(total, rowHeight, view.height, view.top);
  const version = store.version();

  // The first window says how long the log is; follow then goes to its end.
  useEffect(() => {
    store.want(0, 1);
  }, [store]);
  useEffect(() => {
    if (store.ready()) store.want(rows.first, Math.max(rows.end, rows.first + 1));
  }, [store, rows.first, rows.end, version]);

  const ready = store.ready();
  useEffect(() => {
    if (ending || !ready) return;
    return openStream({
      url: apiUrl("taskLogs", {
        params: { project, run, task },
        query: { attempt, fromLine: store.total(), follow: true },
      }),
      onState: setLive,
      onMessages: (messages) => {
        for (const message of messages) {
          if (message.event === "end") {
            setEnding(true);
            return "end";
          }
          // Frames are the control plane's own, typed by proto's log.ts.
          if (message.event === "lines") store.append((JSON.parse(message.text) as LogLinesFrame).lines);
        }
        return undefined;
      },
    });
  }, [ending, ready, store, project, run, task, attempt]);

  // Follow: after each change, to the end.
  useLayoutEffect(() => {
    const element = area.current;
    if (element === null || !follow) return;
    element.scrollTop = element.scrollHeight;
    setView((before) =>
      before.top === element.scrollTop && before.height === element.clientHeight
        ? before
        : { top: element.scrollTop, height: element.clientHeight },
    );
    setSeen(total);
  }, [follow, total, rows.scrollHeight]);

  useEffect(() => {
    const element = area.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setView({ top: element.scrollTop, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const onScroll = useCallback((event: UIEvent<HTMLDivElement>) => {
    const element = event.currentTarget;
    setView({ top: element.scrollTop, height: element.clientHeight });
    setFollow(element.scrollTop + element.clientHeight >= element.scrollHeight - rowHeight);
  }, []);

  const fresh = follow ? 0 : Math.max(0, total - seen);
  const error = store.error();
  const digits = Math.max(3, String(total).length);
  return (
    <div className="relative flex min-w-0 flex-col overflow-hidden rounded-lg border border-line bg-raised">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-1 text-xs text-ink-soft">
        <h3 className="font-medium">Log</h3>
        <span>
          {ready ? `${formatPlural(total, "line")}${store.bytes() > 0 ? `, ${formatBytes(store.bytes())}` : ""}` : "…"}
        </span>
        {!ending ? (
          <span role="status">
            {live === "live" ? "live" : live === "paused" ? "live updates are paused, retrying" : "connecting"}
          </span>
        ) : null}
        <span className="ml-auto flex items-center gap-1">
          {ending ? null : (
            <Button
              look="bare"
              aria-pressed={follow}
              onClick={() => setFollow(!follow)}
              className={cn("min-h-7 text-xs", follow && "text-accent")}
            >
              {follow ? "Following" : "Follow"}
            </Button>
          )}
          <a
            href={apiUrl("rawLogs", { params: { project, run }, query: { task, attempt } })}
            download={`${run}-${task}-${attempt}.log`}
            className={cn(buttonLook({ look: "bare" }), "min-h-7 text-xs")}
          >
            <Download className="size-3.5" aria-hidden="true" /> Download
          </a>
        </span>
      </div>
      {error === undefined ? null : (
        <div className="p-3">
          <ProblemNotice error={error} onRetry={store.retry} />
        </div>
      )}
      <div
        ref={area}
        onScroll={onScroll}
        role="log"
        aria-live="off"
        aria-label={`Log of ${task}, attempt ${attempt}`}
        tabIndex={0}
        className="h-[55dvh] min-h-64 overflow-auto font-mono text-xs -outline-offset-2 lg:h-[calc(100dvh-19rem)]"
      >
        {!ready ? (
          <p className="px-3 py-3 text-ink-soft">Fetching the log …</p>
        ) : keptBy !== undefined ? (
          <p className="px-3 py-3 text-ink-soft">
            This log stays on the host of {keptBy.agent}. Read it there: <code>{keptBy.command}</code>
          </p>
        ) : total === 0 ? (
          <p className="px-3 py-3 text-ink-soft">{!ending ? "Nothing written yet." : "The task wrote nothing."}</p>
        ) : (
          <div className="relative min-w-max" style={{ height: rows.scrollHeight }}>
            <div
              className="absolute inset-x-0 top-0 w-max min-w-full"
              style={{ transform: `translateY(${rows.top}px)` }}
            >
              {Array.from({ length: Math.max(0, rows.end - rows.first) }, (_, offset) => {
                const number = rows.first + offset;
                const line = store.line(number);
                return (
                  <div key={number} className="log-row flex gap-3 pr-4 pl-3 hover:bg-sunken" title={line?.at}>
                    <span
                      aria-hidden="true"
                      className={cn(
                        "sticky left-0 shrink-0 border-r bg-raised pr-2 text-right text-ink-soft select-none",
                        line?.stream === "stderr" ? "border-late" : "border-line",
                      )}
                      style={{ width: `${digits + 1}ch` }}
                    >
                      {number + 1}
                    </span>
                    {line === undefined ? <span className="text-ink-soft">…</span> : <LogText line={line} />}
                  </div>
                );
              })}
            </div>
          </div>
        )}
      </div>
      {!follow && total > 0 ? (
        <div className="absolute inset-x-0 bottom-3 flex justify-center">
          <Button look="strong" className="rounded-full shadow-lg" onClick={() => setFollow(true)}>
            {fresh > 0 ? `${formatCount(fresh)} new ${fresh === 1 ? "line" : "lines"} ↓` : "To the end ↓"}
          </Button>
        </div>
      ) : null}
    </div>
  );
}
