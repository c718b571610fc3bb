// What is told to endpoints beside what happens to runs: in the transaction of the change, so that there is no change
// without its message and no message without its change.
import type { EndpointEvent, JsonObject } from "@capstan/proto";
import type pg from "pg";
import { iso } from "./agent-rows.ts";

export interface Told {
  readonly type: EndpointEvent;
  /** `workflows/daily`: messages about one subject arrive in order. */
  readonly subject: string;
  /** Endpoints for some workflows alone are told of what is theirs. */
  readonly workflow?: string;
  readonly data: JsonObject;
}

/** Within a transaction that sees the project. Whoever has no endpoint for it has no message. */
export async function tellEndpoints(client: pg.PoolClient, projectId: string, told: Told): Promise<void> {
  const { type, subject, workflow, data } = told;
  await client.query(
    `INSERT INTO endpoint_deliveries (project_id, id, endpoint_id, type, subject, payload)
     SELECT e.project_id, capstan_uuid_v7(), e.id, $2, $3, jsonb_build_object('type', $2::text, 'timestamp', ${iso("clock_timestamp()")},
              'data', jsonb_build_object('project', p.name) || $4::jsonb)
       FROM endpoints e JOIN projects p ON p.id = e.project_id
      WHERE e.project_id = $1 AND e.disabled IS NULL AND $2 = ANY (e.types) AND (e.workflows IS NULL OR $5 = ANY (e.workflows))`,
    [projectId, type, subject, JSON.stringify(data), workflow ?? null],
  );
}
