// The port of approvals that wait to their rows.
import type { JsonObject } from "@capstan/proto";

export interface WaitingApproval {
  readonly runId: string;
  readonly workflowId: string;
  readonly workflow: string;
  readonly number: number;
  readonly digest: string;
  readonly trigger: JsonObject;
  readonly key: string;
  readonly evidence: JsonObject;
  readonly approved: readonly string[];
  readonly requested: string;
  /** Undefined where it waits as long as its run. */
  readonly expires: string | undefined;
}

export interface ApprovalStore {
  /** Oldest first, at most `limit`. */
  waiting(projectId: string, limit: number): Promise<readonly WaitingApproval[]>;
}
