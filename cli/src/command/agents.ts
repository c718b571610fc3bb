import type { Command } from "commander";
import type { AgentView } from "@capstan/proto";
import type { Context } from "../context.ts";
import type { Column } from "../output/table.ts";
import { addAgentActions } from "./agent-actions.ts";
import { addAgentLabels } from "./agents-labels.ts";

const columns: readonly Column<AgentView>[] = [
  { title: "AGENT", key: "name", value: (agent) => agent.name },
  { title: "POOL", key: "pool", value: (agent) => agent.pool },
  { title: "CONNECTION", key: "connection", value: (agent) => agent.connection },
  { title: "STATE", key: "state", value: (agent) => agent.state },
  { title: "SLOTS", key: "slots", value: (agent) => `${agent.slotsUsed}/${agent.slots}`, align: "right" },
  { title: "VERSION", key: "version", value: (agent) => agent.version },
  { title: "SEEN", key: "seenAt", value: (agent) => agent.seenAt ?? "never", isWide: true },
  { title: "ID", key: "id", value: (agent) => agent.id, isWide: true },
  {
    title: "LABELS",
    key: "labels",
    value: (agent) =>
      Object.entries(agent.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(" "),
  },
];

/** `capstan agents`: who can work. */
export function registerAgents(program: Command, context: (command: Command) => Context): void {
  const agents = program.command("agents").summary("list agents, show one, drain it, revoke it");
  agents
    .command("list")
    .summary("agents with their slots and labels")
    .option("--pool <name>", "only of this pool")
    .action(async (flags: { readonly pool?: string }, command: Command) => {
      const ctx = context(command);
      const page = await ctx
        .client()
        .call("agentList", { query: { limit: 500, ...(flags.pool === undefined ? {} : { pool: [flags.pool] }) } });
      ctx.out.list(page.data, columns, (agent) => agent.name, page);
      if (page.data.length === 0)
        ctx.out.hint("No agents yet. capstan dev starts one; the console's page /agents/new shows how to add another.");
    });
  addAgentActions(agents, context);
  addAgentLabels(agents, context);
}
