// How long to wait before the next connection: full jitter, so that a fleet does not come back as one.

/**
 * A wait in [0, min(60 s, a sixth of the shortest lease, 1 s · 2ⁿ)].
 * @param failures connections that failed in a row, from 1
 * @param random uniform in [0, 1)
 */
export function reconnectDelayMs(failures: number, shortestLeaseMs: number | undefined, random: number): number {
  const ceiling = Math.min(
    60_000,
    (shortestLeaseMs ?? Infinity) / 6,
    1000 * 2 ** Math.min(Math.max(failures - 1, 0), 10),
  );
  return Math.floor(random * ceiling);
}
