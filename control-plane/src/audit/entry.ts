// What an audit record says. This stage imports no other.
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

/** Stands for the project in records and keys of what concerns the installation and no project: sign-ins and users. */
export const installationId = "00000000-0000-0000-0000-000000000000";
