// Claims that take of limits: what they ask, and which of them find room. The commit loop decides the rest.
import { indexContext } from "../engine/context.ts";
import {
  grant,
  limitRefKey,
  type LimitDemand,
  type LimitHold,
  type LimitRef,
  type LimitStates,
} from "../engine/limit.ts";
import { planTaskAt, taskAt, type Run } from "../engine/snapshot.ts";
import { laneOf } from "./lane.ts";
import type { PendingRun } from "./pending.ts";

export interface LimitedClaim {
  readonly pending: PendingRun;
  readonly position: number;
  readonly demands: readonly LimitDemand[];
}

/** What was granted: by pending run, then by position. */
export type HeldClaims = ReadonlyMap<string, ReadonlyMap<number, readonly LimitHold[]>>;

/** The claims among a run's events whose task takes of limits; most runs have none. */
export function limitedClaims(
  pending: PendingRun,
  run: Run,
  pools: ReadonlyMap<string, string>,
): readonly LimitedClaim[] {
  const claims: LimitedClaim[] = [];
  for (const { event } of pending.events) {
    if (event.kind !== "claimed") continue;
    const planTask = planTaskAt(run, event.position);
    if (planTask?.isLimited !== true) continue;
    const index = indexContext(run, event.position, (at) => taskAt(run, at));
    claims.push({ pending, position: event.position, demands: laneOf(run, planTask, pools, index).limits ?? [] });
  }
  return claims;
}

export const refsOf = (claims: readonly LimitedClaim[]): readonly LimitRef[] => [
  ...new Map(
    claims
      .flatMap(({ pending, demands }) => demands.map(({ key }) => ({ projectId: pending.projectId, key })))
      .map((ref) => [limitRefKey(ref), ref]),
  ).values(),
];

/** Grants in the order of the claims. A claim without room leaves its run's events and is answered `no_room`. */
export function grantClaims(claims: readonly LimitedClaim[], states: LimitStates, nowMs: number): HeldClaims {
  const held = new Map<string, Map<number, readonly LimitHold[]>>();
  let left = states;
  for (const { pending, position, demands } of claims) {
    const granted = grant(demands, pending.projectId, left, nowMs);
    if (granted.kind === "full") {
      refuse(pending, position, granted.key);
      continue;
    }
    left = granted.states;
    const ofRun = held.get(pending.key) ?? new Map<number, readonly LimitHold[]>();
    ofRun.set(position, granted.holds);
    held.set(pending.key, ofRun);
  }
  return held;
}

function refuse(pending: PendingRun, position: number, key: string): void {
  const at = pending.events.findIndex(({ event }) => event.kind === "claimed" && event.position === position);
  const [claim] = at < 0 ? [] : pending.events.splice(at, 1);
  claim?.resolve({ kind: "no_room", key });
}
