import { idFromUuid } from "@capstan/proto";
import type pg from "pg";
import type { AgentStore } from "../../agent/agent.store.ts";
import { withProject } from "../pool.ts";
import { appendAudit } from "./audit-append.ts";
import { tellEndpoints } from "./tell-endpoints.ts";

/**
 * Moves an agent's state where it is one of `from`, with its audit record, and tells endpoints of its end of a drain;
 * whether it moved.
 */
export function moveAgentState(
  api: pg.Pool,
  { projectId, agentId }: { readonly projectId: string; readonly agentId: string },
  { from, to, audit }: Parameters<AgentStore["moveState"]>[2],
): Promise<boolean> {
  return withProject(api, projectId, async (client) => {
    const { rows } = await client.query<{ name: string; pool: string }>(
      `UPDATE agents a SET state = $4 FROM pools p
        WHERE a.project_id = $1 AND a.id = $2 AND a.state = ANY ($3::text[]) AND p.project_id = a.project_id AND p.id = a.pool_id
        RETURNING a.name, p.name AS pool`,
      [projectId, agentId, from, to],
    );
    const [row] = rows;
    if (row === undefined) return false;
    if (audit !== undefined) await appendAudit(client, projectId, audit);
    if (to === "drained") {
      const agent = { id: idFromUuid("ag", agentId), name: row.name, pool: row.pool };
      await tellEndpoints(client, projectId, { type: "agent.drained", subject: `agents/${agent.id}`, data: { agent } });
    }
    return true;
  });
}
