import type { TaskRunState, TaskRunView } from "@capstan/proto";
import type { Command } from "commander";
import type { Client } from "../api/client.ts";
import type { Context } from "../context.ts";
import { runColumns } from "../output/run-columns.ts";
import { formatTable } from "../output/table.ts";
import { runTree, type ShownIndexes } from "../output/tree.ts";
import { resolveReference } from "../run-lookup.ts";
import { watchTree } from "../watch-tree.ts";
import { watchRows } from "../watch-rows.ts";

const dayMs = 86_400_000;

/** What people look for among ten thousand indexes: what goes on, and what went wrong. */
const tellingStates = [
  "failed",
  "timed_out",
  "retrying",
  "suspended",
  "running",
  "dispatched",
  "queued",
  "cancelling",
] as const satisfies readonly TaskRunState[];
const indexesShown = 10;

async function tellingIndexes(client: Client, run: string, tasks: readonly TaskRunView[]): Promise<ShownIndexes> {
  const mapped = tasks.filter((task) => task.mapped !== null && task.mapped.total > 0);
  const pages = mapped.map(async ({ task }) => {
    const query = { of: task, state: [...tellingStates], limit: indexesShown };
    return [task, (await client.call("taskList", { params: { run }, query })).data] as const;
  });
  return new Map(await Promise.all(pages));
}

/** What goes on, what failed in the last day, and who could work. */
const lookAround = (client: Client) =>
  Promise.all([
    client.call("runList", { query: { state: ["queued", "running", "paused", "cancelling"], limit: 100 } }),
    client.call("runList", {
      query: { state: ["failed", "timed_out"], createdAfter: new Date(Date.now() - dayMs).toISOString(), limit: 100 },
    }),
    client.call("agentList", {}),
  ]);

/** `capstan status`: what runs, waits and failed today; or one run's tree. */
export function registerStatus(program: Command, context: (command: Command) => Context): void {
  program
    .command("status")
    .summary("what runs, waits and failed in the last day; or the tree of a run")
    .argument("[run]", "name, id or @last")
    .option("-w, --watch", "go on: redrawn on a terminal, else a line for each change; Ctrl-C ends it")
    .addHelpText("before", "Examples:\n  capstan status\n  capstan status @last\n  capstan status --watch\n")
    .action(async (text: string | undefined, flags: { readonly watch?: boolean }, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      if (text !== undefined) {
        const { run: name } = await resolveReference(client, text);
        if (flags.watch === true) {
          await watchTree(client, ctx, name);
          return;
        }
        const params = { run: name };
        const [run, tasks] = await Promise.all([
          client.call("runGet", { params }),
          client.call("taskList", { params, query: { hooks: true } }),
        ]);
        const indexes = await tellingIndexes(client, name, tasks.data);
        return ctx.out.one({ ...run, tasks: tasks.data, indexes: [...indexes.values()].flat() }, run.name, () =>
          runTree(ctx.out, run, tasks.data, client.page(`/runs/${run.name}`), Date.now(), indexes),
        );
      }
      if (flags.watch === true)
        return watchRows(ctx, {
          look: async () => {
            const [active, failed] = await lookAround(client);
            return [...active.data, ...failed.data];
          },
          table: (rows) => formatTable(rows, runColumns(ctx.out), undefined, ctx.out.lineWidth),
          keyOf: (run) => run.name,
          stateOf: (run) => run.state,
        });
      const [active, failed, agents] = await lookAround(client);
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
