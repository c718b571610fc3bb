// How much a limit has, as people write it.
import { parseDuration } from "@capstan/proto";

export interface LimitSize {
  readonly capacity: number;
  /** Of a rate: the time in which so many starts are allowed. */
  readonly perMs?: number;
}

/** `4` is a capacity, `60/1m` or `60/m` a rate; undefined for anything else. */
export function parseLimitSize(text: string): LimitSize | undefined {
  const [count = "", window, ...rest] = text.split("/");
  if (!/^\d{1,6}$/.test(count) || rest.length > 0) return undefined;
  if (window === undefined) return { capacity: Number(count) };
  const perMs = parseDuration(/^[a-z]+$/.test(window) ? `1${window}` : window);
  return perMs === undefined || perMs === 0 ? undefined : { capacity: Number(count), perMs };
}
