import type pg from "pg";
import type { JsonObject } from "@capstan/proto";
import type { ApprovalStore, WaitingApproval } from "../../approval/approval.store.ts";
import { awaitsApproval } from "../../engine/answer.ts";
import { neverMs } from "../../engine/hand-over.ts";
import { withProject } from "../pool.ts";

interface ApprovalRow {
  readonly run_id: string;
  readonly workflow_id: string;
  readonly workflow_name: string;
  readonly number: string;
  readonly digest: string;
  readonly trigger: JsonObject;
  readonly key: string;
  readonly reason: { readonly evidence?: JsonObject } | null;
  readonly approved: readonly string[] | null;
  readonly started_at: Date;
  readonly due_at: Date;
}

export class PgApprovalStore implements ApprovalStore {
  private readonly pool: pg.Pool;

  constructor(api: pg.Pool) {
    this.pool = api;
  }

  async waiting(projectId: string, limit: number): Promise<readonly WaitingApproval[]> {
    const rows = await withProject(
      this.pool,
      projectId,
      async (client) =>
        (
          await client.query<ApprovalRow>(
            `SELECT t.run_id, r.workflow_id, r.workflow_name, r.number, r.digest, r.trigger, k.key, k.reason,
                    k.counters -> 'suspension' -> 'approved' AS approved, k.started_at, t.due_at
               FROM timers t
               JOIN task_runs k ON k.project_id = t.project_id AND k.run_id = t.run_id AND k.position = t.position
               JOIN runs r ON r.project_id = t.project_id AND r.id = t.run_id
              WHERE t.project_id = $1 AND t.awaits = $2 AND k.state = 'suspended'
              ORDER BY k.started_at, t.run_id, t.position LIMIT $3`,
            [projectId, awaitsApproval, limit],
          )
        ).rows,
    );
    return rows.map((row) => ({
      runId: row.run_id,
      workflowId: row.workflow_id,
      workflow: row.workflow_name,
      number: Number(row.number),
      digest: row.digest,
      trigger: row.trigger,
      key: row.key,
      evidence: row.reason?.evidence ?? {},
      approved: row.approved ?? [],
      requested: row.started_at.toISOString(),
      expires: row.due_at.getTime() >= neverMs ? undefined : row.due_at.toISOString(),
    }));
  }
}
