import type { Command } from "commander";
import type { Context } from "../context.ts";
import { runColumns } from "../output/run-columns.ts";
import { runTree } from "../output/tree.ts";
import { resolveReference } from "../run-lookup.ts";

const dayMs = 86_400_000;

/** `capstan status`: what runs, waits and failed today; or one run's tree. */
export function registerStatus(program: Command, context: (command: Command) => Context): void {
  program
    .command("status")
    .summary("what runs, waits and failed in the last day; or the tree of a run")
    .argument("[run]", "name, id or @last")
    .action(async (text: string | undefined, _: unknown, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      if (text !== undefined) {
        const { run: name } = await resolveReference(client, text);
        const params = { run: name };
        const [run, tasks] = await Promise.all([
          client.call("runGet", { params }),
          client.call("taskList", { params, query: { hooks: true } }),
        ]);
        return ctx.out.one({ ...run, tasks: tasks.data }, run.name, () =>
          runTree(ctx.out, run, tasks.data, client.page(`/runs/${run.name}`)),
        );
      }
      const [active, failed, agents] = await Promise.all([
        client.call("runList", { query: { state: ["queued", "running", "paused", "cancelling"], limit: 100 } }),
        client.call("runList", {
          query: {
            state: ["failed", "timed_out"],
            createdAfter: new Date(Date.now() - dayMs).toISOString(),
            limit: 100,
          },
        }),
        client.call("agentList", {}),
      ]);
      const online = agents.data.filter((agent) => agent.connection === "online").length;
      const rows = [...active.data, ...failed.data];
      ctx.out.list(rows, runColumns(ctx.out), (run) => run.name, {
        runs: rows,
        agents: agents.data.length,
        agentsOnline: online,
      });
      ctx.out.talk(
        `${active.data.length} active, ${failed.data.length} failed in the last 24 h, ${online} of ${agents.data.length} agents online`,
      );
    });
}
