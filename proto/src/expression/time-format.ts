// Times and durations as text for people.

const formatters = new Map<string, Intl.DateTimeFormat>();

function partsIn(time: Date, zone: string): Readonly<Record<string, string>> {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    try {
      formatter = new Intl.DateTimeFormat("en-US", {
        timeZone: zone,
        calendar: "iso8601",
        hourCycle: "h23",
        year: "numeric",
        month: "2-digit",
        day: "2-digit",
        hour: "2-digit",
        minute: "2-digit",
        second: "2-digit",
      });
    } catch {
      throw new Error(`"${zone}" is not a time zone`);
    }
    if (formatters.size >= 100) formatters.clear();
    formatters.set(zone, formatter);
  }
  return Object.fromEntries(formatter.formatToParts(time).map((part) => [part.type, part.value]));
}

/** `yyyy MM dd HH mm ss SSS` in a text, in a zone of the IANA database; text in single quotes is taken as it is. */
export function formatTimestamp(time: Date, pattern: string, zone: string): string {
  const parts = partsIn(time, zone);
  return pattern.replace(/'([^']*)'|yyyy|MM|dd|HH|mm|SSS|ss/g, (token, quoted: string | undefined) => {
    switch (token) {
      case "yyyy":
        return (parts["year"] ?? "").padStart(4, "0");
      case "MM":
        return parts["month"] ?? "";
      case "dd":
        return parts["day"] ?? "";
      case "HH":
        return parts["hour"] ?? "";
      case "mm":
        return parts["minute"] ?? "";
      case "ss":
        return parts["second"] ?? "";
      case "SSS":
        return String(time.getUTCMilliseconds()).padStart(3, "0");
      default:
        return quoted === "" ? "'" : (quoted ?? "");
    }
  });
}

/** A duration as text: `2m5s`, `1h`, `1.4s`, `0s`. */
export function durationText(ms: number): string {
  if (ms < 0) return `-${durationText(-ms)}`;
  const whole = Math.floor(ms / 1000);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  // Below a minute tenths are told, above it they would be noise.
  const seconds = whole < 60 ? Math.floor(ms / 100) / 10 : whole % 60;
  const text = `${hours > 0 ? `${hours}h` : ""}${minutes > 0 ? `${minutes}m` : ""}${seconds > 0 ? `${seconds}s` : ""}`;
  return text === "" ? "0s" : text;
}
