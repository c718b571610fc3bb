import { formatDuration, type QueueView } from "@capstan/proto";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import type { Column } from "../output/table.ts";

type Group = QueueView["data"][number];

const columns = (now: number): readonly Column<Group>[] => [
  { title: "POOL", key: "pool", value: (row) => row.pool },
  { title: "REASON", key: "reason", value: (row) => row.reason },
  { title: "TASKS", key: "count", value: (row) => String(row.count), align: "right" },
  {
    title: "OLDEST",
    key: "oldestQueuedAt",
    value: (row) => formatDuration(Math.max(0, now - Date.parse(row.oldestQueuedAt))),
    align: "right",
  },
  {
    title: "SUCH AS",
    key: "tasks",
    value: ({ tasks, count }) => {
      const named = tasks.slice(0, 3).map(({ run, task }) => `${run}/${task}`);
      return `${named.join(" ")}${count > named.length ? " …" : ""}`;
    },
  },
];

/** `capstan queue`: what waits for agents, by pool and reason. */
export function registerQueue(program: Command, context: (command: Command) => Context): void {
  program
    .command("queue")
    .summary("what waits for agents, by pool and reason")
    .option("--pool <name>", "of one pool")
    .addHelpText("before", "Examples:\n  capstan queue\n  capstan queue --pool onprem -o json\n")
    .action(async (flags: { readonly pool?: string }, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const queue = await client.call("queueGet");
      const data = queue.data.filter((group) => flags.pool === undefined || group.pool === flags.pool);
      const total = data.reduce((sum, group) => sum + group.count, 0);
      ctx.out.list(data, columns(Date.now()), (group) => `${group.pool}/${group.reason}`, { data, total });
      const [first] = data;
      if (first === undefined)
        return ctx.out.hint(`Nothing waits${flags.pool === undefined ? "" : ` for ${flags.pool}`}.`);
      const [task] = first.tasks;
      if (task !== undefined) ctx.out.hint(`capstan explain ${task.run}/${task.task}`);
    });
}
