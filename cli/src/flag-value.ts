// Values of flags that more than one command takes.
import { parseDuration } from "@capstan/proto";
import { InvalidArgumentError } from "commander";

/** A whole number from `min` to `max`. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^(?:0|[1-9]\d*)$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`a whole number from ${min} to ${max} is needed`);
    return value;
  };

/** A duration in ms, within bounds that are themselves written as durations. */
export const duration =
  (example: string, bounds: { readonly min?: string; readonly max?: string } = {}) =>
  (text: string): number => {
    const ms = parseDuration(text);
    const { min, max } = bounds;
    const isTooShort = min !== undefined && ms !== undefined && ms < (parseDuration(min) ?? 0);
    const isTooLong = max !== undefined && ms !== undefined && ms > (parseDuration(max) ?? 0);
    if (ms !== undefined && !isTooShort && !isTooLong) return ms;
    const from = min === undefined ? "" : ` of at least ${min}`;
    const to = max === undefined ? "" : `${min === undefined ? " of" : " and"} at most ${max}`;
    throw new InvalidArgumentError(`a duration${from}${to} is needed, such as ${example}`);
  };

/** A time, or how long ago: `2h`, `2027-01-05`, `2027-01-05T10:00:00Z`; as ISO 8601 in UTC. */
export function moment(text: string): string {
  const ago = parseDuration(text);
  const time = ago === undefined ? Date.parse(text) : Date.now() - ago;
  if (Number.isNaN(time)) throw new InvalidArgumentError("a time (2027-01-05T10:00:00Z) or a duration (2h) is needed");
  return new Date(time).toISOString();
}
