"use client";
import { createContext, use, useEffect, useState, type ReactNode } from "react";
import { formatAgo, formatSpan } from "../lib/format.ts";

const Now = createContext(0);

/** One clock for everything below it that ticks: once a second while `ticking`, else every 15 seconds. */
export function Clock({ ticking, children }: { readonly ticking: boolean; readonly children: ReactNode }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), ticking ? 1000 : 15_000);
    return () => clearInterval(timer);
  }, [ticking]);
  return <Now value={now}>{children}</Now>;
}

/** `3 m ago`, with the exact local time in its title. */
export function Ago({ at }: { readonly at: string }) {
  const now = use(Now);
  const time = Date.parse(at);
  return (
    <time dateTime={at} title={new Date(time).toLocaleString()}>
      {formatAgo(time, now)}
    </time>
  );
}

/** How long something took, or takes so far. */
export function Span({ from, to }: { readonly from: string | null; readonly to: string | null }) {
  const now = use(Now);
  if (from === null) return <span className="text-ink-soft">–</span>;
  return <span className="tabular-nums">{formatSpan((to === null ? now : Date.parse(to)) - Date.parse(from))}</span>;
}
