// Agents and join tokens as the database gives them, and as people see them.
import { idFromUuid, type AgentView, type JoinTokenView } from "@capstan/proto";

export const iso = (column: string): string => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Label under which an agent's executors are kept; it is not shown as a label. */
const executorsLabel = "capstan.executors";
/** Counted time now, as the leases have it. */
const leaseNow = `(c.counted_ms + greatest(0, least(2000, floor(extract(epoch FROM clock_timestamp() - c.db_time) * 1000))))`;
export const isOnline = `coalesce(s.state IN ('syncing', 'live') AND ${leaseNow} - s.renewed_ms <= 30000, false)`;

export const agentColumns = `a.id, a.name, p.name AS pool, a.state, a.version, a.slots, a.labels_pinned, a.labels_fact, a.labels_self,
  a.fingerprint, s.session, ${isOnline} AS online,
  (SELECT count(*)::int FROM live_attempts l WHERE l.project_id = a.project_id AND l.agent_id = a.id) AS used,
  ${iso("a.created_at")} AS created, ${iso(`CASE WHEN ${isOnline} THEN clock_timestamp() ELSE a.seen_at END`)} AS seen`;
export const agentTables = `agents a JOIN pools p ON p.project_id = a.project_id AND p.id = a.pool_id CROSS JOIN lease_clock c
  LEFT JOIN agent_sessions s ON s.project_id = a.project_id AND s.agent_id = a.id`;

/** Pools of a project with what their agents could take. $1 project. */
export const poolsQuery = `SELECT p.id, p.name, ${iso("p.paused_at")} AS "pausedAt", ${iso("p.created_at")} AS "createdAt",
              count(a.id)::int AS agents, (count(a.id) FILTER (WHERE ${isOnline}))::int AS "agentsOnline",
              coalesce(sum(a.slots) FILTER (WHERE ${isOnline} AND a.state = 'active'), 0)::int AS slots,
              coalesce(sum((SELECT count(*) FROM live_attempts l WHERE l.project_id = a.project_id AND l.agent_id = a.id))
                FILTER (WHERE ${isOnline} AND a.state = 'active'), 0)::int AS used,
              (SELECT count(*)::int FROM task_queue q JOIN lanes n ON n.project_id = q.project_id AND n.id = q.lane_id
                WHERE q.project_id = p.project_id AND n.pool_id = p.id) AS queued
         FROM pools p CROSS JOIN lease_clock c
         LEFT JOIN agents a ON a.project_id = p.project_id AND a.pool_id = p.id AND a.state <> 'revoked'
         LEFT JOIN agent_sessions s ON s.project_id = a.project_id AND s.agent_id = a.id
        WHERE p.project_id = $1 GROUP BY p.project_id, p.id, p.name, p.paused_at, p.created_at ORDER BY p.name`;

export interface AgentColumns {
  readonly id: string;
  readonly name: string;
  readonly pool: string;
  readonly state: AgentView["state"];
  readonly version: string;
  readonly slots: number;
  readonly labels_pinned: Record<string, string>;
  readonly labels_fact: Record<string, string>;
  readonly labels_self: Record<string, string>;
  readonly fingerprint: string | null;
  readonly session: string | null;
  readonly online: boolean;
  readonly used: number;
  readonly created: string;
  readonly seen: string | null;
}

export interface TokenColumns {
  readonly public_id: string;
  readonly pool: string;
  readonly uses: number;
  readonly uses_max: number;
  readonly labels: Record<string, string>;
  readonly approve: boolean;
  readonly expires: string;
  readonly created_by: string;
  readonly created: string;
}

export const tokenColumns = `t.public_id, p.name AS pool, t.uses, t.uses_max, t.labels, t.approve, ${iso("t.expires_at")} AS expires,
  t.created_by, ${iso("t.created_at")} AS created`;

export const tokenView = (row: TokenColumns): JoinTokenView => ({
  id: row.public_id,
  pool: row.pool,
  uses: row.uses,
  usesMax: row.uses_max,
  labels: row.labels,
  approve: row.approve,
  expiresAt: row.expires,
  createdBy: row.created_by,
  createdAt: row.created,
});

/** The first source of a label wins: pinned, fact, self. */
export function agentView(row: AgentColumns): AgentView {
  const { [executorsLabel]: executors, ...facts } = row.labels_fact;
  const labelSources: Record<string, "pinned" | "fact" | "self"> = {};
  for (const key of Object.keys(row.labels_self)) labelSources[key] = "self";
  for (const key of Object.keys(facts)) labelSources[key] = "fact";
  for (const key of Object.keys(row.labels_pinned)) labelSources[key] = "pinned";
  return {
    id: idFromUuid("ag", row.id),
    name: row.name,
    pool: row.pool,
    state: row.state,
    connection: row.online ? "online" : row.used > 0 ? "silent" : "offline",
    labels: { ...row.labels_self, ...facts, ...row.labels_pinned },
    labelSources,
    executors: executors === undefined || executors === "" ? [] : executors.split(","),
    version: row.version,
    slots: row.slots,
    slotsUsed: row.used,
    createdAt: row.created,
    seenAt: row.seen,
  };
}
