// Why a run is queued: its concurrency group has no room, in words.
import type { JsonObject } from "@capstan/proto";
import type { PicturedWait } from "./limit-picture.ts";

export function groupReason(
  name: string,
  wait: PicturedWait,
): { readonly code: "limit_reached"; readonly detail: string; readonly evidence: JsonObject } {
  const { active, capacity, ahead, holders, superseded } = wait;
  const held = holders.map(({ run }) => run).join(", ");
  const before = ahead === 0 ? "" : ` ${ahead} wait${ahead === 1 ? "s" : ""} before it.`;
  return {
    code: "limit_reached",
    detail: superseded
      ? `${name} is queued and about to be cancelled: a newer run with the same key took its place.`
      : `${name} is queued: ${active} of ${capacity} runs with its concurrency key go on (${held === "" ? "about to change" : held}).${before}`,
    evidence: { limit: "concurrency", used: active, max: capacity, ahead, holders: holders.map((one) => ({ ...one })) },
  };
}
