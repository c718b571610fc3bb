// Placement: the one predicate of dispatch and of explain. May this agent carry work of this lane, and if not, why not?

import {
  allowsData,
  evaluateCondition,
  lackingResource,
  noResources,
  scopeAt,
  type Takes,
  type ResourceName,
  type DataRules,
  type Resources,
} from "@capstan/proto";

export interface Wanted {
  readonly poolId: string;
  readonly executor: string;
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** CEL over `agent`. */
  readonly expr?: string;
  /** Label → values of which a join token must have pinned one, because of the data that is handled. */
  readonly dataRules?: DataRules;
  /** Classes of data that the owner of the host must allow. */
  readonly data?: readonly string[];
  /** 1 unless said. */
  readonly slots?: number;
  /** What one attempt takes beside slots. */
  readonly takes?: Takes;
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
  /** Of the labels, those that the join token or a person has fixed. */
  readonly pinned: Readonly<Record<string, string>>;
  /** Classes that its policy file allows; undefined where it knows nothing of them. */
  readonly allowData: readonly string[] | undefined;
  /** What its host has for attempts, free or not; undefined where it does not count it. */
  readonly resources: Resources | undefined;
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
  | { readonly kind: "expr"; readonly expr: string }
  | {
      readonly kind: "data_rule";
      readonly label: string;
      readonly wanted: readonly string[];
      readonly found: string | undefined;
    }
  | { readonly kind: "data_class"; readonly dataClass: string }
  | { readonly kind: "slots"; readonly wanted: number; readonly found: number }
  | {
      readonly kind: "resource";
      readonly resource: ResourceName;
      readonly wanted: number;
      readonly found: number | undefined;
    };

export function mismatch(wanted: Wanted, agent: Candidate): Mismatch | undefined {
  if (agent.poolId !== wanted.poolId) return { kind: "pool" };
  const label = missingLabel(wanted.labels, agent.labels);
  if (label !== undefined) return { kind: "label", ...label };
  if (!agent.executors.includes(wanted.executor)) return { kind: "executor", executor: wanted.executor };
  if (wanted.expr !== undefined && !holds(wanted.expr, agent)) return { kind: "expr", expr: wanted.expr };
  const rule = missingLabel(wanted.dataRules ?? {}, agent.pinned);
  if (rule !== undefined) return { kind: "data_rule", ...rule };
  const dataClass = wanted.data?.find((one) => !allowsData(agent.allowData, one));
  if (dataClass !== undefined) return { kind: "data_class", dataClass };
  const { slots = 1 } = wanted;
  if (slots > 1 && slots > agent.slots) return { kind: "slots", wanted: slots, found: agent.slots };
  return missingResource(wanted.takes, agent.resources);
}

/** What the host would lack even if nothing ran on it. */
function missingResource(takes: Takes | undefined, has: Resources | undefined): Mismatch | undefined {
  if (takes === undefined) return undefined;
  const resource = lackingResource(has ?? noResources, takes);
  if (resource === undefined) return undefined;
  return { kind: "resource", resource, wanted: takes[resource] ?? 0, found: has?.[resource] };
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
