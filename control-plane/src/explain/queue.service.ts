import { runName, type QueueView } from "@capstan/proto";
import type { LaneSelector } from "../dispatch/sessions.ts";
import type { RunStore } from "../run/run.store.ts";
import type { AgentPicture } from "./agent-picture.ts";
import { limitKeysOf } from "./explain.service.ts";
import { funnelOf } from "./funnel.ts";
import type { LimitPicture } from "./limit-picture.ts";
import { limitReason } from "./limit-reason.ts";

const rowsMax = 5_000;
const shownMax = 5;

/** What waits for agents, by pool and reason. */
export class QueueService {
  private readonly store: RunStore;
  private readonly picture: AgentPicture;

  private readonly limits: LimitPicture;

  constructor(store: RunStore, picture: AgentPicture, limits: LimitPicture) {
    this.store = store;
    this.picture = picture;
    this.limits = limits;
  }

  /** Of at most 5,000 task runs, the oldest first. */
  async show(projectId: string): Promise<QueueView> {
    const rows = await this.store.queued(projectId, undefined, rowsMax);
    if (rows.length === 0) return { data: [], total: 0 };
    const agents = await this.picture.agents(projectId);
    const keys = limitKeysOf(rows);
    const limits = keys.length === 0 ? new Map() : await this.limits.limits(projectId, keys, 1);
    const reasons = new Map<string, string>();
    const groups = new Map<string, QueueView["data"][number]>();
    for (const row of rows) {
      const lane = `${row.poolId} ${JSON.stringify(row.selector)}`;
      let reason = reasons.get(lane);
      if (reason === undefined) {
        const selector = row.selector as unknown as LaneSelector; // written by the commit stage
        const funnel = funnelOf({ ...selector, poolId: row.poolId }, row.pool, agents);
        const mayRun = funnel.reason === undefined || funnel.reason === "agents_busy";
        const limit = mayRun ? limitReason(selector.limits ?? [], limits) : undefined;
        reason = limit?.code ?? funnel.reason ?? "behind_others";
        reasons.set(lane, reason);
      }
      const key = `${row.pool} ${reason}`;
      const group = groups.get(key) ?? { pool: row.pool, reason, count: 0, oldestQueuedAt: row.queued, tasks: [] };
      group.count += 1;
      if (group.tasks.length < shownMax) {
        group.tasks.push({ run: runName(row.workflow, row.number), task: row.key, queuedAt: row.queued });
      }
      groups.set(key, group);
    }
    return { data: [...groups.values()], total: rows.length };
  }
}
