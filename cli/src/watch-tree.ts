// A run as it goes on, for whoever stays with it.
import type { RunView } from "@capstan/proto";
import type { Client } from "./api/client.ts";
import type { Context } from "./context.ts";
import { runTree } from "./output/tree.ts";
import { watchRun } from "./run-watch.ts";

/** Redraws a tree on a terminal, prints a line per transition elsewhere; gives the ended run. */
export async function watchTree(client: Client, ctx: Context, name: string): Promise<RunView | undefined> {
  const { out } = ctx;
  const page = client.page(`/runs/${name}`);
  const isLive = out.isTerminal && out.isForPeople;
  const draw = isLive ? (await import("log-update")).default : undefined;
  const seen = new Map<string, string>();
  let last: RunView | undefined;
  for await (const { run, tasks } of watchRun(client, name)) {
    last = run;
    if (draw !== undefined) {
      draw(runTree(out, run, tasks, page).trimEnd());
      continue;
    }
    for (const task of [...tasks, { task: "", state: run.state }]) {
      if (seen.get(task.task) === task.state || task.state === "waiting") continue;
      seen.set(task.task, task.state);
      const subject = task.task === "" ? name : `${name}/${task.task}`;
      if (out.format === "jsonl") out.data(JSON.stringify({ subject, state: task.state }) + "\n");
      else if (out.format !== "json") out.data(`${out.state(task.state)}  ${subject}\n`);
      else out.talk(`${out.state(task.state)}  ${subject}`);
    }
  }
  draw?.done();
  return last;
}
