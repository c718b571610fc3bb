// Durations as people write them (`90s`, `1h30m`, `PT1H30M`) and as machines keep them (whole milliseconds).

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const short = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;
const iso = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?$/;

/**
 * Milliseconds of `500ms`, `90s`, `10m`, `1h30m`, `2d` or ISO 8601 `PT1H30M`; undefined for anything else,
 * a bare number included, because nobody can tell whether 10 means seconds or minutes.
 */
export function parseDuration(text: string): number | undefined {
  if (text === "") return undefined;
  const a = short.exec(text);
  if (a !== null) {
    const [, d, h, m, s, ms] = a;
    const total = part(d, "d") + part(h, "h") + part(m, "m") + part(s, "s") + part(ms, "ms");
    return Number.isSafeInteger(total) ? total : undefined;
  }
  const b = iso.exec(text);
  if (b === null || text === "P" || text.endsWith("T")) return undefined;
  const [, d, h, m, s] = b;
  const total = part(d, "d") + part(h, "h") + part(m, "m") + Math.round(Number(s ?? 0) * 1000);
  return Number.isSafeInteger(total) ? total : undefined;
}

const part = (digits: string | undefined, unit: string): number => Number(digits ?? 0) * (units[unit] ?? 0);

/** A duration for people: the two largest units that are not zero (`2 h 5 m`, `1.4 s`, `180 ms`). */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1).replace(/\.0$/, "")} s`;
  const seconds = Math.floor(ms / 1000);
  const d = Math.floor(seconds / 86_400);
  const h = Math.floor((seconds % 86_400) / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  const s = seconds % 60;
  if (d > 0) return h > 0 ? `${d} d ${h} h` : `${d} d`;
  if (h > 0) return m > 0 ? `${h} h ${m} m` : `${h} h`;
  return s > 0 ? `${m} m ${String(s).padStart(2, "0")} s` : `${m} m`;
}
