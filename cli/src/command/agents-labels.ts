// What a person decides about an agent's place: its pinned labels, and whether it is let in at all.
import { AppError } from "@capstan/proto";
import type { Command } from "commander";
import type { Context } from "../context.ts";

const argument = ["<agent>", "its name or id, as `capstan agents list` shows them"] as const;

/** `gpu=a100` pins, `gpu-` takes off. @throws usage */
function labelsOf(words: readonly string[]): Record<string, string | null> {
  const labels: Record<string, string | null> = {};
  for (const word of words) {
    const [, set, value, off] = /^([^=]+)=(.*)$|^([^=]+)-$/.exec(word) ?? [];
    const key = set ?? off;
    if (key === undefined) throw new AppError("usage", `${word}: write KEY=VALUE to pin a label, KEY- to take it off`);
    labels[key] = set === undefined ? null : (value ?? "");
  }
  return labels;
}

/** Adds `label` and `approve`. */
export function addAgentLabels(agents: Command, context: (command: Command) => Context): void {
  agents
    .command("label")
    .summary("pin labels on an agent, or take them off; they win over what it says itself")
    .argument(...argument)
    .argument("<label...>", "KEY=VALUE pins, KEY- takes off")
    .addHelpText("before", "Examples:\n  capstan agents label gpu-1 gpu=a100 zone-\n")
    .action(async (agent: string, words: readonly string[], _: unknown, command: Command) => {
      const ctx = context(command);
      const body = { labels: labelsOf(words) };
      const { labels, name, ...view } = await ctx.client().call("agentRelabel", { params: { agent }, body });
      const text = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
      ctx.out.one({ ...view, name, labels }, name, () => `${name}  ${text.join(" ")}\n`);
    });
  agents
    .command("approve")
    .summary("let an agent in that waits for a person's approval")
    .argument(...argument)
    .addHelpText("before", "Examples:\n  capstan agents approve onprem-c\n")
    .action(async (agent: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const view = await ctx.client().call("agentApprove", { params: { agent } });
      ctx.out.one(view, view.name, () => `${view.name} is ${view.state}\n`);
    });
}
