import { AppError } from "@capstan/proto";

/** `key=value` pairs of a flag. @throws usage */
export function readLabels(pairs: readonly string[], flag: string): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at <= 0) throw new AppError("usage", `${flag} ${pair} is not written key=value`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
