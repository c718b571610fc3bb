const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** `0.4 s`, `12 s`, `3 m 05 s`, `2 h 10 m`, `3 d 4 h`. Negative spans (clocks differ) are shown as zero. */
export function formatSpan(spanMs: number): string {
  const ms = Math.max(0, spanMs);
  if (ms < 9950) return `${(ms / second).toFixed(ms < 100 ? 2 : 1)} s`;
  if (ms < minute) return `${Math.floor(ms / second)} s`;
  if (ms < hour) return `${Math.floor(ms / minute)} m ${String(Math.floor((ms % minute) / second)).padStart(2, "0")} s`;
  if (ms < day) return `${Math.floor(ms / hour)} h ${String(Math.floor((ms % hour) / minute)).padStart(2, "0")} m`;
  return `${Math.floor(ms / day)} d ${Math.floor((ms % day) / hour)} h`;
}

/** `just now`, `3 m ago`, `2 h ago`, `4 d ago`, then the date. */
export function formatAgo(at: number, now: number): string {
  const ms = now - at;
  if (ms < 10 * second) return "just now";
  if (ms < minute) return `${Math.floor(ms / second)} s ago`;
  if (ms < hour) return `${Math.floor(ms / minute)} m ago`;
  if (ms < day) return `${Math.floor(ms / hour)} h ago`;
  if (ms < 30 * day) return `${Math.floor(ms / day)} d ago`;
  return new Date(at).toISOString().slice(0, 10);
}

const bySystem = new Intl.NumberFormat("en-US");
export const formatCount = (count: number): string => bySystem.format(count);

/** `1 run`, `1,214 runs` */
export const formatPlural = (count: number, word: string): string =>
  `${formatCount(count)} ${word}${count === 1 ? "" : "s"}`;

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit] ?? ""}`;
}
