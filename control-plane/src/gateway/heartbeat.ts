// Heartbeats: renew first, then compare what the agent holds with the rows, then acknowledge (L1).
import { closeCodes, type AgentBody, type AttemptPair } from "@capstan/proto";
import type { AgentSession } from "./session.ts";

/** `held` is compared when it changed, and this often besides. */
const compareMs = 60_000;

export function handleHeartbeat(session: AgentSession, body: AgentBody<"heartbeat">, id: number): void {
  session.stated(body);
  session.paused = body.paused !== undefined;
  // Read now: `held` is of this moment, and what is decided while the renewal is committed is not in it.
  void heartbeat(session, body, session.decidedOffers, id).catch((error: unknown) => session.internal(id, error));
}

async function heartbeat(
  session: AgentSession,
  body: AgentBody<"heartbeat">,
  decided: number,
  id: number,
): Promise<void> {
  const beforeMs = session.nowMs();
  const { projectId, agentId } = session;
  const current = await session.services.leases.renew({
    projectId,
    agentId,
    session: session.session,
    heartbeat: body.n,
  });
  if (!current) return session.close(closeCodes.superseded, "a newer session of this agent");
  const unknown = await compared(session, body.held, decided);
  session.renewed(body.n, beforeMs);
  session.send(
    "heartbeat.ack",
    {
      n: body.n,
      unknown,
      cancels: session.cancels.list(),
      watch: session.services.watch.among(body.held),
      serverTimeMs: Date.now(),
    },
    id,
  );
}

async function compared(session: AgentSession, held: readonly AttemptPair[], offers: number): Promise<AttemptPair[]> {
  const key = `${offers} ${held.map(([attempt, epoch]) => `${attempt}${epoch}`).join()}`;
  const nowMs = session.nowMs();
  if (key === session.comparedHeld && nowMs - session.comparedAtMs < compareMs) return [];
  const unknown = await session.services.inventory.compare(session.identity, session.session, held, offers);
  // What was found foreign is told again until the agent has let go of it.
  session.comparedHeld = unknown.length === 0 ? key : "";
  session.comparedAtMs = nowMs;
  return unknown;
}

export function handleConfirm(session: AgentSession, body: AgentBody<"confirm">, id: number): void {
  void confirm(session, body, id).catch((error: unknown) => session.internal(id, error));
}

async function confirm(session: AgentSession, body: AgentBody<"confirm">, id: number): Promise<void> {
  const beforeMs = session.nowMs();
  const { projectId, agentId } = session;
  const current = await session.services.leases.renew({
    projectId,
    agentId,
    session: session.session,
    heartbeat: session.lastHeartbeat,
  });
  if (!current) return session.close(closeCodes.superseded, "a newer session of this agent");
  const unknown = await session.services.inventory.compare(session.identity, session.session, body.attempts, 0);
  session.renewed(session.lastHeartbeat, beforeMs);
  const foreign = new Set<AttemptPair>(unknown);
  session.send("confirm.ack", { n: body.n, current: body.attempts.filter((pair) => !foreign.has(pair)), unknown }, id);
}
