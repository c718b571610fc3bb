// The audit trail's chain: each record covers the one before, so that an edit, a removal or a swap shows.
import type { JsonObject } from "./json.ts";

export interface AuditText {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: JsonObject;
}

/** What the first record of a chain names as the one before it. */
export const firstPrevious = "0".repeat(64);

/**
 * Canonical text of a record: a JSON array, objects with sorted keys. The record's hash is SHA-256 of the hash before it, in
 * hex, followed by this text in UTF-8.
 * @param at ISO 8601 in UTC with ms
 */
export const auditText = (seq: number, at: string, entry: AuditText): string =>
  JSON.stringify([seq, at, entry.actor, entry.action, entry.subject, sorted(entry.detail)]);

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [key, sorted(child)]),
  );
}
