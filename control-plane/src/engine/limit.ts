// Limits: how much of what a project has may be used at once. Pure; the rows of what is held are the truth.
//  M1. An attempt takes all of its limits at once or none of them.
//  M2. What is held is counted from the holders, never kept as a number beside them.
//  M3. A limit that does not exist has nothing to give.

/** The key of a limit of the project. */
export const namedLimitKey = (name: string): string => `limit:${name}`;

/** The name in the key of a limit of the project; undefined for the concurrency of a task. */
export const limitNameOf = (key: string): string | undefined => (key.startsWith("limit:") ? key.slice(6) : undefined);

/** What one attempt takes of one limit. */
export interface LimitDemand {
  /** `limit:<name>` of the project, or `task:<workflow>:<task>:<key>` for a task's own concurrency. */
  readonly key: string;
  readonly weight: number;
  /** Where the workflow itself says how much there is; undefined: the project's row says it. */
  readonly capacity?: number;
}

/** A limit as its rows tell it. */
export interface LimitState {
  /** Undefined: there is no such limit. */
  readonly capacity: number | undefined;
  /** Of a rate: how long a start counts, ms. */
  readonly perMs: number | undefined;
  readonly used: number;
}

export interface LimitRef {
  readonly projectId: string;
  readonly key: string;
}

/** States of limits, by `limitRefKey`. */
export type LimitStates = ReadonlyMap<string, LimitState>;

export const limitRefKey = ({ projectId, key }: LimitRef): string => `${projectId} ${key}`;

/** What an attempt holds from its claim on; a rate's share counts until `untilMs`, whatever becomes of the attempt. */
export interface LimitHold {
  readonly key: string;
  readonly weight: number;
  readonly untilMs: number | undefined;
}

const freeOf = (demand: LimitDemand, state: LimitState | undefined): number =>
  (demand.capacity ?? state?.capacity ?? 0) - (state?.used ?? 0);

/** How many attempts with these demands could be made now. A limit that was lowered below its use has room for none. */
export function roomFor(demands: readonly LimitDemand[], projectId: string, states: LimitStates): number {
  let room = Number.MAX_SAFE_INTEGER;
  for (const demand of demands) {
    const state = states.get(limitRefKey({ projectId, key: demand.key }));
    room = Math.min(room, Math.floor(freeOf(demand, state) / demand.weight));
  }
  return Math.max(0, room);
}

export type Granted =
  | { readonly kind: "granted"; readonly holds: readonly LimitHold[]; readonly states: LimitStates }
  | { readonly kind: "full"; readonly key: string };

/** Takes all demands of one attempt from the states, or none: then it names the first limit that has no room. */
export function grant(demands: readonly LimitDemand[], projectId: string, states: LimitStates, nowMs: number): Granted {
  const stateOf = (key: string): LimitState | undefined => states.get(limitRefKey({ projectId, key }));
  const full = demands.find((demand) => freeOf(demand, stateOf(demand.key)) < demand.weight);
  if (full !== undefined) return { kind: "full", key: full.key };
  const after = new Map(states);
  const holds = demands.map(({ key, weight }): LimitHold => {
    const state = stateOf(key) ?? { capacity: undefined, perMs: undefined, used: 0 };
    after.set(limitRefKey({ projectId, key }), { ...state, used: state.used + weight });
    return { key, weight, untilMs: state.perMs === undefined ? undefined : nowMs + state.perMs };
  });
  return { kind: "granted", holds, states: after };
}
