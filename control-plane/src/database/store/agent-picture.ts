import type { Resources } from "@capstan/proto";
import type pg from "pg";
import type { AgentPicture, PicturedAgent, PicturedPool } from "../../explain/agent-picture.ts";
import { withProject } from "../pool.ts";

/** Label under which an agent tells what it can execute: `capstan.executors = "run,python,node,http,sql,notify"`. */
const executorsLabel = "capstan.executors";
const allExecutors = ["run", "python", "node", "http", "sql", "notify"];

interface AgentColumns {
  readonly id: string;
  readonly name: string;
  readonly pool_id: string;
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly online: boolean;
  readonly slots: number;
  readonly used: number;
  readonly seen: string | null;
  readonly resources: Resources | null;
  readonly pinned: Readonly<Record<string, string>>;
  readonly allow_data: readonly string[] | null;
}

export class PgAgentPicture implements AgentPicture {
  private readonly pool: pg.Pool;

  constructor(api: pg.Pool) {
    this.pool = api;
  }

  async agents(projectId: string): Promise<readonly PicturedAgent[]> {
    // An agent is online while its session is live and was renewed within 45 s of counted time: three heartbeats.
    const found = await withProject(this.pool, projectId, (client) =>
      client.query<AgentColumns>(
        `SELECT a.id, a.name, a.pool_id, a.state, a.slots, a.resources, a.labels_pinned AS pinned, a.allow_data,
                a.labels_self || a.labels_fact || a.labels_pinned AS labels,
                coalesce(s.state IN ('live', 'syncing') AND s.renewed_ms > c.counted_ms - 45000, false) AS online,
                coalesce((SELECT count(*) FROM live_attempts l WHERE l.project_id = a.project_id AND l.agent_id = a.id), 0)::int AS used,
                to_char(a.seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS seen
           FROM agents a
           CROSS JOIN lease_clock c
           LEFT JOIN agent_sessions s ON s.project_id = a.project_id AND s.agent_id = a.id
          WHERE a.project_id = $1 ORDER BY a.name`,
        [projectId],
      ),
    );
    return found.rows.map(({ labels: { [executorsLabel]: executors, ...labels }, ...row }) => ({
      id: row.id,
      name: row.name,
      poolId: row.pool_id,
      state: row.state,
      labels,
      executors: executors?.split(",") ?? allExecutors,
      online: row.online,
      slots: row.slots,
      slotsUsed: row.used,
      pinned: row.pinned,
      allowData: row.allow_data ?? undefined,
      resources: row.resources ?? undefined,
      seen: row.seen ?? undefined,
    }));
  }

  async pools(projectId: string): Promise<readonly PicturedPool[]> {
    const found = await withProject(this.pool, projectId, (client) =>
      client.query<{ id: string; name: string; paused: boolean }>(
        "SELECT id, name, paused_at IS NOT NULL AS paused FROM pools WHERE project_id = $1 ORDER BY name",
        [projectId],
      ),
    );
    return found.rows;
  }
}
