// Sessions and inventories in PostgreSQL.
import type pg from "pg";
import type { Hello } from "@capstan/proto";
import type { GreetingRows, HeldRow, InventoryStore, LogPosition } from "../../result/inventory.store.ts";
import { inTransaction } from "../pool.ts";
import { statement } from "../sql.ts";

interface LiveColumns {
  readonly attempt_id: string;
  readonly run_id: string;
  readonly position: number;
  readonly epoch: string;
  readonly session: string;
  readonly seq: string;
  readonly started: boolean;
  readonly cancelling: boolean;
}

interface LockColumns {
  readonly session: string;
  readonly connect_no: string;
  readonly boot_id: string;
  readonly state: string;
  readonly fingerprint: string | null;
  readonly labels_pinned: Readonly<Record<string, string>>;
}

/** Label under which explain finds what an agent executes. */
const executorsLabel = "capstan.executors";
const deadlockTries = 3;

export class PgInventoryStore implements InventoryStore {
  private readonly pool: pg.Pool;

  constructor(engine: pg.Pool) {
    this.pool = engine;
  }

  async greet(
    agent: { projectId: string; agentId: string },
    hello: Hello,
    attemptIds: readonly string[],
    replica: string,
  ): Promise<GreetingRows> {
    for (let tries = 1; ; tries++) {
      try {
        return await inTransaction(this.pool, (client) => greet(client, agent, hello, attemptIds, replica));
      } catch (error) {
        // The hot statement locks live attempts first; where the two meet, PostgreSQL ends one of them.
        const code = error instanceof Error && "code" in error ? error.code : undefined;
        if (code !== "40P01" || tries >= deadlockTries) throw error;
      }
    }
  }

  async live(projectId: string, agentId: string): Promise<readonly HeldRow[]> {
    const { rows } = await this.pool.query<LiveColumns>(statement("session-live", [projectId, agentId]));
    return rows.map(heldRow);
  }

  async reportedEnded(
    projectId: string,
    agentId: string,
    attemptIds: readonly string[],
  ): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.pool.query<{ id: string; epoch: string }>(
      `SELECT id, epoch FROM attempts WHERE project_id = $1 AND id = ANY ($2::uuid[]) AND agent_id = $3
         AND state IN ('succeeded', 'failed', 'timed_out', 'cancelled')`,
      [projectId, attemptIds, agentId],
    );
    return new Map(rows.map((row) => [row.id, Number(row.epoch)]));
  }

  async setState(projectId: string, agentId: string, session: number, state: string): Promise<void> {
    await this.pool.query(
      `WITH moved AS (
         UPDATE agent_sessions SET state = $4 WHERE project_id = $1 AND agent_id = $2 AND session = $3 RETURNING agent_id
       )
       UPDATE agents a SET seen_at = clock_timestamp() FROM moved WHERE a.project_id = $1 AND a.id = moved.agent_id`,
      [projectId, agentId, session, state],
    );
  }

  async securityEvent(projectId: string, kind: string, evidence: object): Promise<void> {
    await this.pool.query("INSERT INTO security_events (project_id, kind, evidence) VALUES ($1, $2, $3)", [
      projectId,
      kind,
      JSON.stringify(evidence),
    ]);
  }
}

async function greet(
  client: pg.PoolClient,
  { projectId, agentId }: { projectId: string; agentId: string },
  hello: Hello,
  attemptIds: readonly string[],
  replica: string,
): Promise<GreetingRows> {
  await client.query(
    `INSERT INTO agent_sessions (project_id, agent_id, session, connect_no, heartbeat, renewed_ms, boot_id, replica, state)
     VALUES ($1, $2, 0, 0, 0, 0, '', '', 'closed') ON CONFLICT DO NOTHING`,
    [projectId, agentId],
  );
  const locked = (await client.query<LockColumns>(statement("session-lock", [projectId, agentId]))).rows[0];
  if (locked === undefined) return { kind: "refused", state: "revoked" };
  if (locked.state === "revoked" || locked.state === "suspended" || locked.state === "pending") {
    return { kind: "refused", state: locked.state };
  }
  if (hello.connectNo <= Number(locked.connect_no)) return { kind: "stale", last: Number(locked.connect_no) };
  if (locked.fingerprint !== null && locked.fingerprint !== hello.host.fingerprint) return { kind: "conflict" };
  const live = (await client.query<LiveColumns>(statement("session-live-locked", [projectId, agentId]))).rows.map(
    heldRow,
  );
  const ended = await client.query<{ id: string; epoch: string; state: string }>(
    "SELECT id, epoch, state FROM attempt_records WHERE project_id = $1 AND id = ANY ($2::uuid[]) AND agent_id = $3",
    [projectId, attemptIds, agentId],
  );
  const logs = await client.query<{ attempt_id: string; committed_bytes: string; state: string }>(
    "SELECT attempt_id, committed_bytes, state FROM log_streams WHERE project_id = $1 AND attempt_id = ANY ($2::uuid[])",
    [projectId, ended.rows.map((row) => row.id)],
  );
  const { rows } = await client.query<{ session: string; incarnation: number }>(
    statement("session-greet", [projectId, agentId, hello.connectNo, hello.host.bootId, replica]),
  );
  const [made] = rows;
  if (made === undefined) throw new Error("lease_clock has no row");
  await client.query(
    `UPDATE agents SET labels_fact = $3, labels_self = $4, version = $5, fingerprint = $6, slots = $7, resources = $8, allow_data = $9, seen_at = clock_timestamp()
     WHERE project_id = $1 AND id = $2`,
    [
      projectId,
      agentId,
      JSON.stringify({ ...hello.labels.facts, [executorsLabel]: hello.executors.map((one) => one.kind).join(",") }),
      JSON.stringify(hello.labels.self),
      hello.version,
      hello.host.fingerprint,
      hello.slots,
      hello.resources === undefined ? null : JSON.stringify(hello.resources),
      hello.allowData === undefined ? null : JSON.stringify(hello.allowData),
    ],
  );
  return {
    kind: "current",
    session: Number(made.session),
    incarnation: made.incarnation,
    state: locked.state,
    rebooted: locked.boot_id !== "" && locked.boot_id !== hello.host.bootId,
    pinned: locked.labels_pinned,
    live,
    ended: ended.rows.map((row) => ({ attemptId: row.id, epoch: Number(row.epoch), state: row.state })),
    logs: new Map(
      logs.rows.map((row): [string, LogPosition] => [
        row.attempt_id,
        { bytes: Number(row.committed_bytes), complete: row.state === "complete" },
      ]),
    ),
  };
}

const heldRow = (row: LiveColumns): HeldRow => ({
  attemptId: row.attempt_id,
  runId: row.run_id,
  position: row.position,
  epoch: Number(row.epoch),
  session: Number(row.session),
  seq: Number(row.seq),
  started: row.started,
  cancelling: row.cancelling,
});
