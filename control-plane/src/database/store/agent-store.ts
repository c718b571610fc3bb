// Agents and pools in PostgreSQL, and the use of join tokens. What is asked before a project is known runs under the
// engine's role and returns the project; the rest runs within its project.
import type pg from "pg";
import { idFromUuid, runName, type AgentDetail, type AgentView, type PoolView, type PublicJwk } from "@capstan/proto";
import type {
  AgentRow,
  AgentStateRow,
  AgentStore,
  EnrolOutcome,
  JoinTokenRow,
  NewAgent,
} from "../../agent/agent.store.ts";
import type { ColdReads } from "../cold-reads.ts";
import { inTransaction, withProject } from "../pool.ts";
import { agentStates, moveAgentState, pinLabels } from "./agent-state.ts";
import { agentColumns, agentTables, agentView, iso, poolsQuery, type AgentColumns } from "./agent-rows.ts";

export class PgAgentStore implements AgentStore {
  private readonly engine: pg.Pool;
  private readonly api: pg.Pool;

  private readonly cold: ColdReads;

  constructor(engine: pg.Pool, api: pg.Pool, cold: ColdReads) {
    this.engine = engine;
    this.api = api;
    this.cold = cold;
  }

  async byThumbprint(thumbprint: string): Promise<AgentRow | undefined> {
    const { rows } = await this.engine.query<{
      project_id: string;
      project: string;
      id: string;
      name: string;
      pool: string;
      pool_id: string;
      state: AgentRow["state"];
      identity_key: PublicJwk;
    }>(
      `SELECT a.project_id, j.name AS project, a.id, a.name, p.name AS pool, a.pool_id, a.state, a.identity_key
         FROM agents a JOIN pools p ON p.project_id = a.project_id AND p.id = a.pool_id JOIN projects j ON j.id = a.project_id
        WHERE a.key_thumbprint = $1`,
      [thumbprint],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    return {
      projectId: row.project_id,
      project: row.project,
      agentId: row.id,
      name: row.name,
      pool: row.pool,
      poolId: row.pool_id,
      state: row.state,
      key: row.identity_key,
    };
  }

  async useOnce(agent: { projectId: string; agentId: string }, jti: string): Promise<boolean> {
    const { rowCount } = await this.engine.query(
      `WITH old AS (DELETE FROM agent_nonces_used WHERE project_id = $1 AND agent_id = $2 AND expires_at < clock_timestamp())
       INSERT INTO agent_nonces_used (project_id, agent_id, jti, expires_at)
       VALUES ($1, $2, $3, clock_timestamp() + interval '5 minutes') ON CONFLICT DO NOTHING`,
      [agent.projectId, agent.agentId, jti],
    );
    return rowCount === 1;
  }

  async incarnation(): Promise<number> {
    const { rows } = await this.engine.query<{ incarnation: number }>(
      "SELECT incarnation FROM lease_clock WHERE id = 1",
    );
    return rows[0]?.incarnation ?? 1;
  }

  async joinToken(publicId: string, address: string): Promise<JoinTokenRow | undefined> {
    const { rows } = await this.engine.query<{
      project_id: string;
      id: string;
      mac_key_encrypted: Buffer;
      cidr_holds: boolean;
    }>(
      `SELECT project_id, id, mac_key_encrypted, cidr IS NULL OR $2::inet <<= cidr AS cidr_holds FROM join_tokens WHERE public_id = $1`,
      [publicId, address === "" ? "127.0.0.1" : address],
    );
    const [row] = rows;
    return row === undefined
      ? undefined
      : { projectId: row.project_id, tokenId: row.id, sealedKey: row.mac_key_encrypted, cidrHolds: row.cidr_holds };
  }

  async enrol(token: JoinTokenRow, agent: NewAgent): Promise<EnrolOutcome> {
    return inTransaction(this.engine, async (client): Promise<EnrolOutcome> => {
      const known = await enrolledAs(client, agent.thumbprint);
      if (known !== undefined) return known.projectId === token.projectId ? known.outcome : { kind: "key_known" };
      const used = await client.query<{ pool_id: string; labels: Record<string, string>; approve: boolean }>(
        `UPDATE join_tokens SET uses = uses + 1
          WHERE project_id = $1 AND id = $2 AND uses < uses_max AND expires_at > clock_timestamp()
        RETURNING pool_id, labels, approve`,
        [token.projectId, token.tokenId],
      );
      const [row] = used.rows;
      if (row === undefined) return { kind: "spent" };
      const made = await client.query(
        `INSERT INTO agents (project_id, id, pool_id, name, state, key_thumbprint, identity_key, sealing_key, labels_pinned, labels_fact)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
        [
          token.projectId,
          agent.id,
          row.pool_id,
          agent.name,
          row.approve ? "pending" : "active",
          agent.thumbprint,
          JSON.stringify(agent.identity),
          JSON.stringify(agent.sealing),
          JSON.stringify(row.labels),
          JSON.stringify(agent.facts),
        ],
      );
      if (made.rowCount !== 1) {
        // The use is not counted: it made no agent.
        await client.query("UPDATE join_tokens SET uses = uses - 1 WHERE project_id = $1 AND id = $2", [
          token.projectId,
          token.tokenId,
        ]);
        return { kind: "name_taken" };
      }
      return (await enrolledAs(client, agent.thumbprint))?.outcome ?? { kind: "spent" };
    });
  }

  async securityEvent(projectId: string, kind: string, evidence: object): Promise<void> {
    await this.engine.query("INSERT INTO security_events (project_id, kind, evidence) VALUES ($1, $2, $3)", [
      projectId,
      kind,
      JSON.stringify(evidence),
    ]);
  }

  async spec(
    projectId: string,
    digest: string,
  ): Promise<{ canonical: string; bundle: string | undefined } | undefined> {
    const { rows } = await this.within<{ canonical: string; bundle_sha256: string | null }>(
      projectId,
      "SELECT canonical, bundle_sha256 FROM workflow_versions WHERE project_id = $1 AND digest = $2 ORDER BY number DESC LIMIT 1",
      [projectId, digest],
    );
    const [row] = rows;
    return row === undefined ? undefined : { canonical: row.canonical, bundle: row.bundle_sha256 ?? undefined };
  }

  async hasBundle(projectId: string, sha256: string): Promise<boolean> {
    return (
      (await this.within(projectId, "SELECT 1 FROM bundles WHERE project_id = $1 AND sha256 = $2", [projectId, sha256]))
        .rows.length > 0
    );
  }

  async hasFile(projectId: string, sha256: string): Promise<boolean> {
    return (
      (await this.within(projectId, "SELECT 1 FROM files WHERE project_id = $1 AND sha256 = $2", [projectId, sha256]))
        .rows.length > 0
    );
  }

  async addFile(projectId: string, sha256: string, sizeBytes: number): Promise<void> {
    await this.within(
      projectId,
      "INSERT INTO files (project_id, sha256, size_bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
      [projectId, sha256, sizeBytes],
    );
  }

  async isLive(agent: { projectId: string; agentId: string }, attemptId: string): Promise<boolean> {
    const { rows } = await this.within(
      agent.projectId,
      "SELECT 1 FROM live_attempts WHERE project_id = $1 AND agent_id = $2 AND attempt_id = $3",
      [agent.projectId, agent.agentId, attemptId],
    );
    return rows.length > 0;
  }

  async pools(projectId: string): Promise<PoolView[]> {
    const { rows } = await this.within<Omit<PoolView, "id" | "slotsFree"> & { id: string; used: number }>(
      projectId,
      poolsQuery,
      [projectId],
    );
    return rows.map(({ used, ...row }) => ({
      ...row,
      id: idFromUuid("pool", row.id),
      slotsFree: Math.max(0, row.slots - used),
    }));
  }

  async list(projectId: string): Promise<AgentView[]> {
    const { rows } = await this.within<AgentColumns>(
      projectId,
      `SELECT ${agentColumns} FROM ${agentTables} WHERE a.project_id = $1 ORDER BY a.name, a.created_at DESC`,
      [projectId],
    );
    return rows.map(agentView);
  }

  async detail(
    projectId: string,
    ref: { readonly id: string } | { readonly name: string },
  ): Promise<AgentDetail | undefined> {
    const [condition, value] = "id" in ref ? ["a.id = $2", ref.id] : ["a.name = $2", ref.name];
    const { rows } = await this.within<AgentColumns>(
      projectId,
      `SELECT ${agentColumns} FROM ${agentTables} WHERE a.project_id = $1 AND ${condition}
        ORDER BY a.state = 'revoked', a.created_at DESC LIMIT 1`, // the name of one that was revoked may be another's by now
      [projectId, value],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    const attempts = await this.within<{
      id: string;
      workflow: string;
      number: string;
      task: string;
      state: string;
      started: string | null;
    }>(
      projectId,
      `SELECT l.attempt_id AS id, r.workflow_name AS workflow, r.number, t.key AS task, l.state, ${iso("l.started_at")} AS started
         FROM live_attempts l JOIN runs r ON r.project_id = l.project_id AND r.id = l.run_id
         JOIN task_runs t ON t.project_id = l.project_id AND t.run_id = l.run_id AND t.position = l.position
        WHERE l.project_id = $1 AND l.agent_id = $2 ORDER BY l.attempt_id LIMIT 1000`,
      [projectId, row.id],
    );
    return {
      ...agentView(row),
      session: row.online && row.session !== null ? Number(row.session) : null,
      fingerprint: row.fingerprint,
      attempts: attempts.rows.map((one) => ({
        id: idFromUuid("att", one.id),
        run: runName(one.workflow, Number(one.number)),
        task: one.task,
        state: one.state,
        startedAt: one.started,
      })),
    };
  }

  moveState(projectId: string, agentId: string, move: Parameters<AgentStore["moveState"]>[2]): Promise<boolean> {
    return moveAgentState(this.api, { projectId, agentId }, move);
  }

  pin(...[projectId, agentId, change]: Parameters<AgentStore["pin"]>): Promise<boolean> {
    return pinLabels(this.api, { projectId, agentId }, change);
  }

  states(agentIds: readonly string[]): Promise<readonly AgentStateRow[]> {
    return agentStates(this.engine, agentIds);
  }

  private within<R extends pg.QueryResultRow>(
    projectId: string,
    text: string,
    values: unknown[],
  ): Promise<pg.QueryResult<R>> {
    return withProject(this.api, projectId, (client) => client.query<R>(text, values));
  }
}

async function enrolledAs(
  client: pg.PoolClient,
  thumbprint: string,
): Promise<{ projectId: string; outcome: Extract<EnrolOutcome, { kind: "enrolled" }> } | undefined> {
  const { rows } = await client.query<{
    project_id: string;
    id: string;
    project: string;
    pool: string;
    labels_pinned: Record<string, string>;
    state: string;
  }>(
    `SELECT a.project_id, a.id, j.name AS project, p.name AS pool, a.labels_pinned, a.state
       FROM agents a JOIN pools p ON p.project_id = a.project_id AND p.id = a.pool_id JOIN projects j ON j.id = a.project_id
      WHERE a.key_thumbprint = $1 AND a.state <> 'revoked'`,
    [thumbprint],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const state = row.state === "pending" ? "pending" : "active";
  return {
    projectId: row.project_id,
    outcome: {
      kind: "enrolled",
      agentId: row.id,
      project: row.project,
      pool: row.pool,
      labels: row.labels_pinned,
      state,
    },
  };
}
