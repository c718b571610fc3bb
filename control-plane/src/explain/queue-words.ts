// Work that waits for an agent, in words: what it takes, and what could be done.
import { amountText, resourceNames, type Explanation, type ReasonCode, type Takes } from "@capstan/proto";

/** What an attempt takes of its host: `takes: "4 cpu, 16Gi memory"`. */
export function takesText(takes: Takes | undefined): { takes?: string } {
  if (takes === undefined) return {};
  const texts = resourceNames.map((name) => (takes[name] === undefined ? "" : amountText(name, takes[name])));
  return { takes: texts.filter((text) => text !== "").join(", ") };
}

/** The one next step; null where waiting is all there is. */
export function queueAdvice(
  code: ReasonCode,
  pool: string,
  wants: readonly string[],
  nearest: Explanation["nearest"],
): string | null {
  switch (code) {
    case "no_agent_matches":
      return nearest === undefined
        ? `add an agent to pool ${pool}: capstan pools token ${pool}`
        : wants.length > 1
          ? `change runsOn, or give an agent ${wants.slice(1).join(" ")}`
          : `make ${nearest.agent} able to do it, or add another agent: capstan pools token ${pool}`;
    case "data_rule_blocks":
      if (nearest?.lacks.includes("allowData") === true)
        return `let the owner of ${nearest.agent} allow it, in the policy file of that host: allowData: [${nearest.lacks.split(" ")[0] ?? ""}]`;
      return `let a join token fix the label, which an agent may not say of itself: capstan pools token ${pool} --labels ${nearest?.lacks.split(",")[0] ?? ""}`;
    case "agents_offline":
      return "start the agent, or look why it is not connected: capstan agents list";
    case "agents_busy":
      return `wait, or add an agent: capstan pools token ${pool}`;
    default:
      return null;
  }
}
