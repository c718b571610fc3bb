// What an audit record says, and the text that its hash covers. This stage imports no other.
import type { JsonObject } from "@capstan/proto";

export const AUDIT = Symbol("Audit");

export interface AuditEntry {
  readonly actor: string;
  /** A permission, such as `runs:cancel`. */
  readonly action: string;
  readonly subject: string;
  /** No inputs, outputs, tokens or secrets. */
  readonly detail: JsonObject;
}

/** For changes that are not made by a transaction of the request role, such as a cancel. */
export interface Audit {
  append(projectId: string, entry: AuditEntry): Promise<void>;
}

/** What the first record of a chain names as the one before it. */
export const firstPrevious = "0".repeat(64);

/** Canonical text of a record: a JSON array, objects with sorted keys. */
export const auditText = (seq: number, at: string, entry: AuditEntry): string =>
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
