// Points in time as text: ISO 8601. Unix milliseconds everywhere else.

const zoned = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

/** Unix ms of a time with a zone (`2027-01-05T10:00:00+01:00`); undefined for anything else, a time without one included. */
export function parseTime(text: string): number | undefined {
  const ms = zoned.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** UTC with milliseconds. */
export const formatTime = (ms: number): string => new Date(ms).toISOString();
