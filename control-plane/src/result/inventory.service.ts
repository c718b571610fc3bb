// Reconciles what an agent says to hold with what the rows say.
//  I1. A hello is decided in one transaction under the locks of the session row and the agent's live attempts (L6).
//  I2. An attempt is taken from an agent only by the agent's own word: it is neither in the inventory nor in `held`
//      although the agent has decided that offer; or its host restarted (L5). Silence ends nothing here.
//  I3. Losses are events of their runs, submitted after that transaction and idempotent: one that is not applied is
//      found again by the next heartbeat.
import { idFromUuid, uuidFromId, type AttemptPair, type Hello, type InventoryItem, type Verdict } from "@capstan/proto";
import type { Commit } from "../commit/commit.ts";
import type { RunEvent } from "../engine/event.ts";
import type { GreetingRows, HeldRow, InventoryStore } from "./inventory.store.ts";

/** Grace of a cancel that is told again after a reconnect; the runner caps it by the attempt's own. */
const repeatedGraceMs = 10_000;

export interface AgentKey {
  readonly projectId: string;
  readonly agentId: string;
}

export type Greeting =
  | Exclude<GreetingRows, { kind: "current" }>
  | {
      readonly kind: "welcome";
      readonly session: number;
      readonly incarnation: number;
      readonly state: string;
      readonly pinned: Readonly<Record<string, string>>;
      readonly verdicts: readonly Verdict[];
    };

type LostCause = Extract<RunEvent, { kind: "attempt_lost" }>["cause"];

export class InventoryService {
  private readonly store: InventoryStore;
  private readonly commit: Commit;
  private readonly replica: string;
  private readonly onError: (error: unknown) => void;

  constructor(store: InventoryStore, commit: Commit, replica: string, onError: (error: unknown) => void) {
    this.store = store;
    this.commit = commit;
    this.replica = replica;
    this.onError = onError;
  }

  /** Decides a hello with its whole inventory. */
  async greet(agent: AgentKey, hello: Hello, items: readonly InventoryItem[]): Promise<Greeting> {
    const ids = items.flatMap((item) => uuidFromId("att", item.attempt) ?? []);
    const rows = await this.store.greet(agent, hello, ids, this.replica);
    if (rows.kind === "conflict") {
      await this.store.securityEvent(agent.projectId, "identity_conflict", { agent: idFromUuid("ag", agent.agentId) });
    }
    if (rows.kind !== "current") return rows;
    const held = new Map(items.map((item) => [item.attempt as string, item]));
    for (const row of rows.live) {
      const item = held.get(idFromUuid("att", row.attemptId));
      const has = item !== undefined && item.epoch === row.epoch;
      // After a reboot only a journalled result is worth anything: whatever ran is gone with its kernel.
      if (rows.rebooted && !(has && item.phase === "finished")) this.lose(agent, row, "host_rebooted");
      else if (!has) this.lose(agent, row, row.started ? "agent_forgot" : "offer_lost");
    }
    const verdicts = items.map((item) => verdictOf(item, rows));
    const { session, incarnation, state, pinned } = rows;
    return { kind: "welcome", session, incarnation, state, pinned, verdicts };
  }

  /**
   * Compares `held` of a heartbeat with the rows and takes back what the agent does not have.
   * @param offers highest offer of this session that the agent has decided
   * @returns what the agent holds although it is not its own: it must kill these
   */
  async compare(
    agent: AgentKey,
    session: number,
    held: readonly AttemptPair[],
    offers: number,
  ): Promise<AttemptPair[]> {
    const rows = await this.store.live(agent.projectId, agent.agentId);
    const epochs = new Map(held.map(([attempt, epoch]) => [attempt as string, epoch]));
    const current = new Set<string>();
    for (const row of rows) {
      const attempt = idFromUuid("att", row.attemptId);
      if (epochs.get(attempt) === row.epoch) current.add(attempt);
      else if (row.session < session || (row.session === session && row.seq <= offers)) {
        this.lose(agent, row, row.started ? "agent_forgot" : "offer_lost");
      }
    }
    const others = held.filter(([attempt]) => !current.has(attempt));
    if (others.length === 0) return [];
    // What the agent itself has reported as ended it still holds until its log is here: that is no copy to be killed.
    const ids = others.flatMap(([attempt]) => uuidFromId("att", attempt) ?? []);
    const ended = await this.store.reportedEnded(agent.projectId, agent.agentId, ids);
    return others.filter(([attempt, epoch]) => ended.get(uuidFromId("att", attempt) ?? "") !== epoch);
  }

  /** The agent gives attempts back, their trees proven gone. Resolves after the commit. */
  async release(agent: AgentKey, pairs: readonly AttemptPair[]): Promise<void> {
    if (pairs.length === 0) return;
    const released = new Map(pairs.map(([attempt, epoch]) => [attempt as string, epoch]));
    const rows = await this.store.live(agent.projectId, agent.agentId);
    await Promise.all(
      rows
        .filter((row) => released.get(idFromUuid("att", row.attemptId)) === row.epoch)
        .map((row) => this.commit.submit(agent.projectId, row.runId, lostEvent(row, "given_back"))),
    );
  }

  /** All attempts of a revoked agent are lost at once; the operator decided that. Resolves after the commit. */
  async revoke(agent: AgentKey): Promise<void> {
    const rows = await this.store.live(agent.projectId, agent.agentId);
    await Promise.all(
      rows.map((row) => this.commit.submit(agent.projectId, row.runId, lostEvent(row, "agent_revoked"))),
    );
  }

  /** An agent named an attempt that is not its own: kept for people, whatever it was. */
  foreign(agent: AgentKey, frame: string): void {
    const evidence = { agent: idFromUuid("ag", agent.agentId), frame };
    this.store.securityEvent(agent.projectId, "foreign_attempt", evidence).catch(this.onError);
  }

  setState(agent: AgentKey, session: number, state: "live" | "closed" | "dead"): void {
    this.store.setState(agent.projectId, agent.agentId, session, state).catch(this.onError);
  }

  private lose(agent: AgentKey, row: HeldRow, cause: LostCause): void {
    this.commit.submit(agent.projectId, row.runId, lostEvent(row, cause)).catch(this.onError);
  }
}

const lostEvent = (row: HeldRow, cause: LostCause): RunEvent => ({
  kind: "attempt_lost",
  attemptId: row.attemptId,
  epoch: row.epoch,
  position: row.position,
  cause,
});

function verdictOf(item: InventoryItem, rows: Extract<GreetingRows, { kind: "current" }>): Verdict {
  const { attempt, epoch } = item;
  const attemptId = uuidFromId("att", attempt) ?? "";
  const log = rows.logs.get(attemptId);
  const base = { attempt, epoch, logBytes: log?.bytes ?? 0, eventSeq: 0 };
  const live = rows.live.find((row) => row.attemptId === attemptId && row.epoch === epoch);
  if (live !== undefined && (!rows.rebooted || item.phase === "finished")) {
    if (item.phase === "finished") return { ...base, do: "resend" };
    return live.cancelling
      ? { ...base, do: "continue", cancel: { reason: "cancelled", graceMs: repeatedGraceMs } }
      : { ...base, do: "continue" };
  }
  if (item.phase !== "finished") return { ...base, do: "abandon" };
  const ended = rows.ended.some((row) => row.attemptId === attemptId && row.epoch === epoch);
  const logIsHere = log === undefined ? item.producedBytes === 0 : log.complete;
  return { ...base, do: !ended || logIsHere ? "done" : "resend" };
}
