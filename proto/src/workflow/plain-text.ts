// Text that every part of the product can keep: no NUL (PostgreSQL has no place for it) and no half of a surrogate
// pair (UTF-8 has none). JSON and YAML can both write them.
import type { JsonValue } from "../json.ts";

export const isPlainText = (text: string): boolean => !text.includes("\0") && text.isWellFormed();

/** The path of a text, or of a key, that cannot be kept; undefined where there is none. */
export function findBrokenText(
  value: JsonValue,
  path: readonly (string | number)[] = [],
): readonly (string | number)[] | undefined {
  if (typeof value === "string") return isPlainText(value) ? undefined : path;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    if (!isPlainText(key)) return path;
    const found = findBrokenText(item, [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}
