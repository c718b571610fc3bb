import { idFromUuid } from "@capstan/proto";
import type pg from "pg";
import type { AgentStateRow, AgentStore } from "../../agent/agent.store.ts";
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

/** Pins labels and takes off those that are null, with the audit record; false where there is no such agent that is let in. */
export function pinLabels(
  api: pg.Pool,
  { projectId, agentId }: { readonly projectId: string; readonly agentId: string },
  { labels, actor }: { readonly labels: Readonly<Record<string, string | null>>; readonly actor: string },
): Promise<boolean> {
  return withProject(api, projectId, async (client) => {
    const { rowCount } = await client.query(
      `UPDATE agents SET labels_pinned = jsonb_strip_nulls(labels_pinned || $3::jsonb)
        WHERE project_id = $1 AND id = $2 AND state <> 'revoked'`,
      [projectId, agentId, JSON.stringify(labels)],
    );
    if (rowCount === 0) return false;
    const subject = idFromUuid("ag", agentId);
    await appendAudit(client, projectId, { actor, action: "pools:write", subject, detail: { labels: { ...labels } } });
    return true;
  });
}

/** State and pinned labels of agents, of any project: for the sessions of this replica. */
export async function agentStates(engine: pg.Pool, agentIds: readonly string[]): Promise<readonly AgentStateRow[]> {
  const { rows } = await engine.query<AgentStateRow & pg.QueryResultRow>(
    `SELECT a.id AS "agentId", a.project_id AS "projectId", a.state, a.labels_pinned AS pinned, NOT EXISTS (
              SELECT 1 FROM live_attempts l WHERE l.project_id = a.project_id AND l.agent_id = a.id) AS idle
       FROM agents a WHERE a.id = ANY ($1::uuid[])`,
    [agentIds],
  );
  return rows;
}
