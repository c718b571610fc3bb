// A commit loop on a real database with agents in memory, for tests of commit and dispatch.
import { randomBytes } from "node:crypto";
import { uuidV7, type CanonicalWorkflow } from "@capstan/proto";
import pg from "pg";
import { pino } from "pino";
import type { CommitStore } from "../commit/commit.store.ts";
import { CommitLoop } from "../commit/commit-loop.ts";
import { CommitSignals } from "../commit/commit-signals.ts";
import type { WorkflowEdition } from "../commit/commit.ts";
import { LiveIndex } from "../commit/live-index.ts";
import { createPools, isUnavailable, type Pools } from "../database/pool.ts";
import { PgCommitStore } from "../database/store/pg-commit.store.ts";
import { PgDispatchStore } from "../database/store/pg-dispatch.store.ts";
import { Backlog } from "../dispatch/backlog.ts";
import { DatabaseClock } from "../dispatch/database-clock.ts";
import { MemorySessions, type MemoryAgent } from "./memory-sessions.ts";

export interface CommitFixture {
  readonly pools: Pools;
  readonly store: CommitStore;
  readonly dispatchStore: PgDispatchStore;
  readonly loop: CommitLoop;
  readonly sessions: MemorySessions;
  readonly backlog: Backlog;
  readonly signals: CommitSignals;
  readonly projectId: string;
  readonly poolId: string;
  addAgent(slots: number, labels?: Readonly<Record<string, string>>): Promise<MemoryAgent>;
  deploy(document: CanonicalWorkflow): Promise<WorkflowEdition>;
  /** A second replica on the same database, with agents and caches of its own. */
  replica(): Promise<CommitLoop>;
}

export const newId = (): string => uuidV7(Date.now(), randomBytes(10));

export async function commitFixture(database: {
  readonly url: string;
  readonly roleKey: Buffer;
}): Promise<CommitFixture> {
  const pools = createPools({ url: database.url, roleKey: database.roleKey });
  const store = new PgCommitStore(pools);
  const dispatchStore = new PgDispatchStore(pools.engine);
  const sessions = new MemorySessions();
  const backlog = new Backlog();
  const signals = new CommitSignals();
  const projectId = newId();
  const poolId = newId();
  await withOwner(database.url, async (query) => {
    await query("INSERT INTO projects (id, name) VALUES ($1, $2)", [projectId, `p${projectId.slice(-8)}`]);
    await query("INSERT INTO pools (project_id, id, name) VALUES ($1, $2, 'default')", [projectId, poolId]);
  });
  const makeLoop = async (withSessions: MemorySessions): Promise<CommitLoop> =>
    new CommitLoop(
      {
        store: new PgCommitStore(pools),
        sessions: withSessions,
        backlog,
        clock: new DatabaseClock(await dispatchStore.tick()),
        live: new LiveIndex(),
        signals,
        log: pino({ level: "silent" }),
      },
      { publicUrl: () => "http://127.0.0.1:7420", newId, isUnavailable },
    );
  return {
    pools,
    store,
    dispatchStore,
    loop: await makeLoop(sessions),
    sessions,
    backlog,
    signals,
    projectId,
    poolId,
    replica: () => makeLoop(sessions),
    addAgent: async (slots, labels = {}) => {
      const agent: MemoryAgent = {
        agentId: newId(),
        name: "agent",
        slots,
        pinned: {},
        allowData: undefined,
        resources: undefined,
        session: 1_000_000_001,
        poolId,
        labels,
        executors: ["run", "python", "node", "http", "notify"],
        free: slots,
        seq: 0,
      };
      await pools.engine.query(
        `INSERT INTO agents (project_id, id, pool_id, name, state, key_thumbprint, identity_key)
         VALUES ($1, $2, $3, $4, 'active', $4, '{}')`,
        [projectId, agent.agentId, poolId, agent.agentId],
      );
      await pools.engine.query(
        `INSERT INTO agent_sessions (project_id, agent_id, session, connect_no, heartbeat, renewed_ms, boot_id, replica, state)
         SELECT $1, $2, $3, 1, 0, counted_ms, 'boot', 'test', 'live' FROM lease_clock`,
        [projectId, agent.agentId, agent.session],
      );
      sessions.agents.push(agent);
      return agent;
    },
    deploy: async (document) => {
      const workflowId = newId();
      const digest = `sha256:${randomBytes(32).toString("hex")}`;
      await pools.engine.query("INSERT INTO workflows (project_id, id, name, active_digest) VALUES ($1, $2, $3, $4)", [
        projectId,
        workflowId,
        document.name,
        digest,
      ]);
      await pools.engine.query(
        `INSERT INTO workflow_versions (project_id, workflow_id, digest, number, canonical, source, source_file, created_by)
         VALUES ($1, $2, $3, 1, $4, '', 'test.yaml', 'test')`,
        [projectId, workflowId, digest, JSON.stringify(document)],
      );
      return { projectId, project: "test", workflowId, digest, document };
    },
  };
}

async function withOwner(
  url: string,
  work: (query: (text: string, values: unknown[]) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work((text, values) => client.query(text, values));
  } finally {
    await client.end();
  }
}
