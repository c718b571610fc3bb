// The funnel of agents for work that waits: each requirement in the order of placement, how many agents are left, and
// the nearest agent with what it lacks. The predicate is the one of dispatch (engine/placement.ts).
import { allowsData, amountText, labelText, resourceNames, type ReasonCode } from "@capstan/proto";
import { mismatch, type Mismatch, type Wanted } from "../engine/placement.ts";
import type { PicturedAgent } from "./agent-picture.ts";

export interface FunnelStep {
  readonly step: string;
  readonly count: number;
  /** The first three names. */
  readonly agents: string[];
}

export interface Funnel {
  readonly steps: FunnelStep[];
  /** `undefined`: somebody could take it now. */
  readonly reason: ReasonCode | undefined;
  readonly nearest: { readonly agent: string; readonly lacks: string } | undefined;
  /** Those that match by pool, labels and executor, online or not. */
  readonly matching: readonly PicturedAgent[];
  readonly able: readonly PicturedAgent[];
}

const unusable = new Set(["revoked", "suspended", "pending"]);

export function funnelOf(
  wanted: Wanted & { readonly slots: number },
  poolName: string,
  agents: readonly PicturedAgent[],
): Funnel {
  const steps: FunnelStep[] = [];
  const narrow = (step: string, left: readonly PicturedAgent[]): readonly PicturedAgent[] => {
    steps.push({ step, count: left.length, agents: left.slice(0, 3).map((agent) => agent.name) });
    return left;
  };
  let left = narrow(
    "in the project",
    agents.filter((agent) => !unusable.has(agent.state)),
  );
  const known = left;
  left = narrow(
    `in pool ${poolName}`,
    left.filter((agent) => agent.poolId === wanted.poolId),
  );
  for (const [label, accepted] of Object.entries(wanted.labels)) {
    const one: Wanted = { poolId: wanted.poolId, labels: { [label]: accepted }, executor: "" };
    left = narrow(
      labelText(label, accepted),
      left.filter((agent) => mismatch(one, agent)?.kind !== "label"),
    );
  }
  left = narrow(
    `can execute ${wanted.executor}`,
    left.filter((agent) => agent.executors.includes(wanted.executor)),
  );
  if (wanted.expr !== undefined)
    left = narrow(
      wanted.expr,
      left.filter((agent) => mismatch(wanted, agent)?.kind !== "expr"),
    );
  const fitting = left;
  for (const [label, allowed] of Object.entries(wanted.dataRules ?? {}))
    left = narrow(
      `with ${labelText(label, allowed)} by their join token`,
      left.filter((agent) => agent.pinned[label] !== undefined && allowed.includes(agent.pinned[label])),
    );
  for (const dataClass of wanted.data ?? [])
    left = narrow(
      `allowing the data class ${dataClass}`,
      left.filter((agent) => allowsData(agent.allowData, dataClass)),
    );
  const isKeptByData = left.length === 0 && fitting.length > 0;
  const { takes } = wanted;
  for (const resource of resourceNames.filter((name) => takes?.[name] !== undefined)) {
    const amount = takes?.[resource] ?? 0;
    left = narrow(
      `on a host with ${amountText(resource, amount)}`,
      left.filter((agent) => (agent.resources?.[resource] ?? 0) >= amount),
    );
  }
  if (wanted.slots > 1)
    left = narrow(
      `with ${wanted.slots} slots in all`,
      left.filter((agent) => agent.slots >= wanted.slots),
    );
  const matching = left;
  const online = narrow(
    "online",
    matching.filter((agent) => agent.online),
  );
  const taking = narrow(
    "not draining",
    online.filter((agent) => agent.state === "active"),
  );
  const able = narrow(
    wanted.slots === 1 ? "with a free slot" : `with ${wanted.slots} free slots`,
    taking.filter((agent) => agent.slots - agent.slotsUsed >= wanted.slots),
  );
  return {
    steps,
    reason: isKeptByData ? "data_rule_blocks" : reasonOf(matching, online, taking, able),
    nearest: nearestOf(wanted, known, poolName, matching),
    matching,
    able,
  };
}

function reasonOf(
  matching: readonly PicturedAgent[],
  online: readonly PicturedAgent[],
  taking: readonly PicturedAgent[],
  able: readonly PicturedAgent[],
): ReasonCode | undefined {
  if (matching.length === 0) return "no_agent_matches";
  if (online.length === 0) return "agents_offline";
  if (taking.length === 0) return "agents_draining";
  return able.length === 0 ? "agents_busy" : undefined;
}

/** Where nobody matches: the agent that misses fewest requirements. */
function nearestOf(
  wanted: Wanted,
  known: readonly PicturedAgent[],
  poolName: string,
  matching: readonly PicturedAgent[],
): Funnel["nearest"] {
  if (matching.length > 0) return undefined;
  let best: { agent: string; missing: number; lacks: string } | undefined;
  for (const agent of known) {
    const first = mismatch(wanted, agent);
    if (first === undefined) continue;
    const labels = Object.keys(wanted.labels).filter((label) => {
      const accepted = wanted.labels[label] ?? [];
      return mismatch({ poolId: agent.poolId, executor: "", labels: { [label]: accepted } }, agent)?.kind === "label";
    });
    const alone: Wanted = { poolId: agent.poolId, labels: {}, executor: wanted.executor };
    const fails = wanted.expr !== undefined && mismatch({ ...alone, expr: wanted.expr }, agent)?.kind === "expr";
    const missing =
      (fails ? 1 : 0) +
      (first.kind === "data_rule" || first.kind === "data_class" || first.kind === "resource" || first.kind === "slots"
        ? 1
        : 0) +
      labels.length +
      (agent.poolId === wanted.poolId ? 0 : 1) +
      (agent.executors.includes(wanted.executor) ? 0 : 1);
    if (best === undefined || missing < best.missing)
      best = { agent: agent.name, missing, lacks: lackText(first, poolName) };
  }
  return best === undefined ? undefined : { agent: best.agent, lacks: best.lacks };
}

function lackText(lack: Mismatch, poolName: string): string {
  switch (lack.kind) {
    case "pool":
      return `membership of pool ${poolName}`;
    case "label": {
      const has = lack.found === undefined ? "" : `; it has ${lack.label}=${lack.found}`;
      return `${labelText(lack.label, lack.wanted)}${has}`;
    }
    case "expr":
      return `what runsOn.expr asks for: ${lack.expr}`;
    case "data_rule":
      return `${labelText(lack.label, lack.wanted)}, fixed by its join token`;
    case "data_class":
      return `${lack.dataClass} in allowData of its policy file`;
    case "slots":
      return `${lack.wanted} slots; it has ${lack.found}`;
    case "resource": {
      const has = lack.found === undefined ? "it counts none" : `it has ${amountText(lack.resource, lack.found)}`;
      return `${amountText(lack.resource, lack.wanted)}; ${has}`;
    }
    case "executor":
      return lack.executor === "python"
        ? "python3 (3.9 or newer, found at the agent's start)"
        : `what executes ${lack.executor}`;
  }
}
