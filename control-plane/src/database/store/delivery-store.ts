// Deliveries of triggers in PostgreSQL: what a start is made from, and why one was not made.
import type { JsonObject, ListeningKind } from "@capstan/proto";
import type pg from "pg";
import type { DueTimer } from "../../dispatch/dispatch.store.ts";
import type { DeliveryStore, FiredDelivery, Refusal } from "../../trigger/delivery.store.ts";
import { statement } from "../sql.ts";

interface FiredRow {
  readonly id: string;
  readonly project_id: string;
  readonly project: string;
  readonly workflow_id: string;
  readonly workflow: string;
  readonly trigger_id: string;
  readonly kind: ListeningKind;
  readonly digest: string;
  readonly received_ms: number;
  readonly context: JsonObject;
  readonly body: Buffer | null;
  readonly outputs: JsonObject | null;
}

export class PgDeliveryStore implements DeliveryStore {
  private readonly engine: pg.Pool;

  constructor(engine: pg.Pool) {
    this.engine = engine;
  }

  async load(projectId: string, deliveryId: string): Promise<FiredDelivery | undefined> {
    const { rows } = await this.engine.query<FiredRow>(statement("fired-delivery", [projectId, deliveryId]));
    const [row] = rows;
    if (row === undefined) return undefined;
    return {
      id: row.id,
      projectId: row.project_id,
      project: row.project,
      workflowId: row.workflow_id,
      workflow: row.workflow,
      trigger: row.trigger_id,
      kind: row.kind,
      digest: row.digest,
      receivedMs: row.received_ms,
      context: row.context,
      body: row.body ?? undefined,
      outputs: row.outputs ?? undefined,
    };
  }

  async refuse(
    { projectId, runId }: Pick<DueTimer, "projectId" | "runId">,
    { outcome, detail, mayComeAgain }: Refusal,
  ): Promise<boolean> {
    const { rows } = await this.engine.query<{ gone: number }>(
      statement("refuse-delivery", [projectId, runId, outcome, detail, mayComeAgain]),
    );
    return (rows[0]?.gone ?? 0) > 0;
  }
}
