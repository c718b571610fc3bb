import type { Command } from "commander";
import { AppError, type Steered } from "@capstan/proto";
import type { Client } from "../api/client.ts";
import type { Context } from "../context.ts";
import { steeredColumns } from "../output/run-columns.ts";
import { resolveReference } from "../run-lookup.ts";

/** Runs alone: a task cannot be paused. */
async function runsOf(client: Client, references: readonly string[]): Promise<string[]> {
  const runs: string[] = [];
  for (const text of references) {
    const { run, task } = await resolveReference(client, text);
    if (task !== undefined)
      throw new AppError("usage", `${text} is a task; a run is paused as a whole: capstan pause ${run}`);
    runs.push(run);
  }
  return runs;
}

/** `capstan pause` and `capstan resume`: hold runs, and let them go on. */
export function registerPause(program: Command, context: (command: Command) => Context): void {
  program
    .command("pause")
    .summary("pause runs: nothing new starts, what runs goes on")
    .argument("<run...>", "names, ids or @last")
    .option("--reason <text>", "why; kept with the run")
    .addHelpText("before", "Examples:\n  capstan pause nightly-42 --reason 'the disk is full'\n")
    .action(async (references: readonly string[], flags: { readonly reason?: string }, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const body = flags.reason === undefined ? {} : { reason: flags.reason };
      const done: Steered[] = [];
      for (const run of await runsOf(client, references))
        done.push(await client.call("runPause", { params: { run }, body }));
      ctx.out.list(done, steeredColumns, (one) => one.run);
    });
  program
    .command("resume")
    .summary("let paused runs go on")
    .argument("<run...>", "names, ids or @last")
    .addHelpText("before", "Examples:\n  capstan resume nightly-42\n")
    .action(async (references: readonly string[], _flags: object, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const done: Steered[] = [];
      for (const run of await runsOf(client, references))
        done.push(await client.call("runResume", { params: { run } }));
      ctx.out.list(done, steeredColumns, (one) => one.run);
    });
}
