// Placement: the one predicate of dispatch and of explain. May this agent carry work of this lane, and if not, why not?

import { evaluateCondition, scopeAt } from "@capstan/proto";

export interface Wanted {
  readonly poolId: string;
  readonly executor: string;
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** CEL over `agent`. */
  readonly expr?: string;
}

/** What makes one agent better than another that matches too. */
export interface Preference {
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  /** The agent of another task's last attempt. */
  readonly agentId?: string;
  readonly weight: number;
}

export interface Candidate {
  readonly poolId: string;
  readonly name: string;
  readonly slots: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly executors: readonly string[];
}

/** The first requirement that an agent does not meet, in the order of the funnel. */
export type Mismatch =
  | { readonly kind: "pool" }
  | {
      readonly kind: "label";
      readonly label: string;
      readonly wanted: readonly string[];
      readonly found: string | undefined;
    }
  | { readonly kind: "executor"; readonly executor: string }
  | { readonly kind: "expr"; readonly expr: string };

export function mismatch(wanted: Wanted, agent: Candidate): Mismatch | undefined {
  if (agent.poolId !== wanted.poolId) return { kind: "pool" };
  const label = missingLabel(wanted.labels, agent.labels);
  if (label !== undefined) return { kind: "label", ...label };
  if (!agent.executors.includes(wanted.executor)) return { kind: "executor", executor: wanted.executor };
  if (wanted.expr !== undefined && !holds(wanted.expr, agent)) return { kind: "expr", expr: wanted.expr };
  return undefined;
}

function missingLabel(
  wanted: Wanted["labels"],
  labels: Candidate["labels"],
): { label: string; wanted: readonly string[]; found: string | undefined } | undefined {
  for (const [label, accepted] of Object.entries(wanted)) {
    const found = Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (found === undefined || !accepted.includes(found)) return { label, wanted: accepted, found };
  }
  return undefined;
}

const agentScope = scopeAt({ tasks: {} }, "agent");

/** A missing label or any other error means no. */
function holds(expr: string, agent: Candidate): boolean {
  const { labels, name, slots } = agent;
  try {
    return evaluateCondition({ $expr: expr }, { agent: { labels, name, slots } }, { scope: agentScope });
  } catch {
    return false;
  }
}

/** The sum of the weights that speak for an agent; 0 where nothing does. */
export function preferenceOf(
  preferences: readonly Preference[],
  agent: { readonly agentId: string; readonly labels: Candidate["labels"] },
): number {
  let sum = 0;
  for (const { labels, agentId, weight } of preferences) {
    if (agentId !== undefined && agentId !== agent.agentId) continue;
    if (labels !== undefined && missingLabel(labels, agent.labels) !== undefined) continue;
    sum += weight;
  }
  return sum;
}

/** True where the agent may carry it. */
export const matches = (wanted: Wanted, agent: Candidate): boolean => mismatch(wanted, agent) === undefined;
