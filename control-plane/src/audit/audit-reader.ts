// The port of the audit trail to its rows, for those who read it.
import type { AuditHead, AuditRecordView } from "@capstan/proto";

export const AUDIT_READER = Symbol("AuditReader");

export interface AuditFilter {
  readonly actor: string | undefined;
  readonly action: string | undefined;
  readonly since: string | undefined;
  readonly order: "asc" | "desc";
  /** Only records after this one in that order; undefined: from the first. */
  readonly from: number | undefined;
  readonly limit: number;
}

export interface AuditReader {
  list(projectId: string, filter: AuditFilter): Promise<readonly AuditRecordView[]>;
  /** Records that the filter fits, counted up to 10,000; `from` and `limit` are left out of account. */
  count(projectId: string, filter: AuditFilter): Promise<number>;
  head(projectId: string): Promise<AuditHead>;
}
