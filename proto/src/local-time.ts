// Times of day: where a clock in a zone shows them next.
/** The first instant after `afterMs` at which a clock in the zone shows the time, or passes it where it is left out. */
export function nextLocalTime(afterMs: number, time: string, zone: string): number {
  const [hour = 0, minute = 0] = time.split(":").map(Number);
  const local = new Date(afterMs + offsetMs(afterMs, zone));
  for (let day = 0; ; day++) {
    const wantedMs = Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate() + day, hour, minute);
    const atMs = wantedMs - offsetMs(wantedMs - offsetMs(wantedMs, zone), zone);
    if (atMs > afterMs) return atMs;
  }
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** What a clock in the zone is ahead of UTC. */
function offsetMs(atMs: number, zone: string): number {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    if (formatters.size >= 100) formatters.clear();
    formatters.set(zone, formatter);
  }
  const part = Object.fromEntries(formatter.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1000) * 1000;
}
