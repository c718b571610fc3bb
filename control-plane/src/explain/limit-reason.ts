// Which limit keeps work back. The arithmetic is the claim's (engine/limit.ts).
import type { JsonObject, ReasonCode } from "@capstan/proto";
import { limitNameOf, limitRefKey, roomFor, type LimitDemand } from "../engine/limit.ts";
import type { PicturedLimit } from "./limit-picture.ts";

export interface LimitReason {
  readonly code: ReasonCode;
  readonly detail: string;
  readonly evidence: JsonObject;
  readonly do: string | null;
}

/** The first limit without room, in words; undefined where all have room. */
export function limitReason(
  demands: readonly LimitDemand[],
  limits: ReadonlyMap<string, PicturedLimit>,
): LimitReason | undefined {
  for (const demand of demands) {
    const limit = limits.get(demand.key);
    const state = limit ?? { capacity: undefined, perMs: undefined, used: 0 };
    if (roomFor([demand], "", new Map([[limitRefKey({ projectId: "", key: demand.key }), state]])) > 0) continue;
    return reasonOf(demand, limit);
  }
  return undefined;
}

function reasonOf(demand: LimitDemand, limit: PicturedLimit | undefined): LimitReason {
  const name = limitNameOf(demand.key);
  const max = demand.capacity ?? limit?.capacity;
  const used = limit?.used ?? 0;
  const holders = limit?.holders ?? [];
  const evidence: JsonObject = {
    limit: name ?? "concurrency",
    used,
    ...(max === undefined ? {} : { max }),
    ...(demand.weight === 1 ? {} : { weight: demand.weight }),
    holders: holders.map((holder) => ({
      task: `${holder.run}/${holder.task}`,
      since: holder.since,
      ...(holder.silent ? { silent: true } : {}),
    })),
  };
  const held = holders.map((holder) => `${holder.run}/${holder.task}${holder.silent ? " (silent)" : ""}`).join(", ");
  if (name !== undefined && max === undefined) {
    return {
      code: "limit_reached",
      detail: `The project has no limit ${name} any more.`,
      evidence,
      do: `make it again: capstan limits set ${name} <capacity>`,
    };
  }
  if (name !== undefined && max !== undefined && demand.weight > max) {
    return {
      code: "limit_reached",
      detail: `It takes ${demand.weight} of the limit ${name}, which has ${max}: that can never be met.`,
      evidence,
      do: `raise it: capstan limits set ${name} ${demand.weight}`,
    };
  }
  if (limit?.perMs !== undefined) {
    const next = holders.map((holder) => holder.until).find((until) => until !== undefined);
    return {
      code: "rate_limited",
      detail: `The rate ${name ?? ""} is used up: ${used} of ${max ?? 0}.${next === undefined ? "" : ` The next start is possible at ${next.slice(11, 19)} UTC.`}`,
      evidence: { ...evidence, perMs: limit.perMs, ...(next === undefined ? {} : { nextAt: next }) },
      do: null,
    };
  }
  const what = name === undefined ? "The task's concurrency" : `The limit ${name}`;
  return {
    code: "limit_reached",
    detail: `${what} is reached: ${used} of ${max ?? 0}, held by ${held === "" ? "nobody" : held}.`,
    evidence,
    do: name === undefined ? null : `wait, or see who holds it: capstan limits show ${name}`,
  };
}
