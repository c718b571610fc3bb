// Placement: the one predicate of dispatch and of explain. May this agent carry work of this lane, and if not, why not?

export interface Wanted {
  readonly poolId: string;
  readonly executor: string;
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

export interface Candidate {
  readonly poolId: string;
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
  | { readonly kind: "executor"; readonly executor: string };

export function mismatch(wanted: Wanted, agent: Candidate): Mismatch | undefined {
  if (agent.poolId !== wanted.poolId) return { kind: "pool" };
  for (const [label, accepted] of Object.entries(wanted.labels)) {
    const found = Object.hasOwn(agent.labels, label) ? agent.labels[label] : undefined;
    if (found === undefined || !accepted.includes(found)) return { kind: "label", label, wanted: accepted, found };
  }
  if (!agent.executors.includes(wanted.executor)) return { kind: "executor", executor: wanted.executor };
  return undefined;
}

/** True where the agent may carry it. */
export const matches = (wanted: Wanted, agent: Candidate): boolean => mismatch(wanted, agent) === undefined;
