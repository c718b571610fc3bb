import type { Command } from "commander";
import { AppError, type Steered, type WorkflowPaused } from "@capstan/proto";
import type { Client } from "../api/client.ts";
import type { Context } from "../context.ts";
import { pausedColumns, steeredColumns } from "../output/run-columns.ts";
import { resolveReference } from "../run-lookup.ts";

/** Names of workflows have no hyphen and begin like no id, so a name and a run are never taken for one another. */
const isWorkflow = (text: string): boolean => /^[a-z][a-z0-9_]{0,62}$/.test(text) && !text.startsWith("run_");

/** Runs as a whole: a task cannot be paused. */
async function runOf(client: Client, text: string): Promise<string> {
  const { run, task } = await resolveReference(client, text);
  if (task !== undefined)
    throw new AppError("usage", `${text} is a task; a run is paused as a whole: capstan pause ${run}`);
  return run;
}

/** Does one thing to each of what is named, workflows and runs, and lists both. */
async function toEach(
  ctx: Context,
  references: readonly string[],
  act: {
    readonly workflow: (client: Client, workflow: string) => Promise<WorkflowPaused>;
    readonly run: (client: Client, run: string) => Promise<Steered>;
  },
): Promise<void> {
  const client = ctx.client();
  const workflows: WorkflowPaused[] = [];
  const runs: Steered[] = [];
  for (const text of references) {
    if (isWorkflow(text)) workflows.push(await act.workflow(client, text));
    else runs.push(await act.run(client, await runOf(client, text)));
  }
  if (workflows.length > 0) ctx.out.list(workflows, pausedColumns, (one) => one.workflow);
  if (runs.length > 0) ctx.out.list(runs, steeredColumns, (one) => one.run);
}

const bodyOf = (flags: { readonly reason?: string }): { reason?: string } =>
  flags.reason === undefined ? {} : { reason: flags.reason };

/** `capstan pause` and `capstan resume`: hold runs or whole workflows, and let them go on. */
export function registerPause(program: Command, context: (command: Command) => Context): void {
  program
    .command("pause")
    .summary("pause workflows or runs: nothing new starts, what runs goes on")
    .argument("<workflow or run...>", "workflows by name; runs by name, id or @last")
    .option("--reason <text>", "why; kept with the run or the workflow")
    .addHelpText(
      "before",
      "Examples:\n  capstan pause nightly --reason 'the source is being moved'\n  capstan pause nightly-42 --reason 'the disk is full'\n",
    )
    .action(async (references: readonly string[], flags: { readonly reason?: string }, command: Command) => {
      await toEach(context(command), references, {
        workflow: (client, workflow) => client.call("workflowPause", { params: { workflow }, body: bodyOf(flags) }),
        run: (client, run) => client.call("runPause", { params: { run }, body: bodyOf(flags) }),
      });
    });
  program
    .command("resume")
    .summary("let paused workflows or runs go on")
    .argument("<workflow or run...>", "workflows by name; runs by name, id or @last")
    .addHelpText("before", "Examples:\n  capstan resume nightly\n  capstan resume nightly-42\n")
    .action(async (references: readonly string[], _flags: object, command: Command) => {
      await toEach(context(command), references, {
        workflow: (client, workflow) => client.call("workflowResume", { params: { workflow } }),
        run: (client, run) => client.call("runResume", { params: { run } }),
      });
    });
}

/** `capstan runs pause` and `capstan runs resume`: the same of runs alone. */
export function addRunsPause(runs: Command, context: (command: Command) => Context): void {
  const reason = ["--reason <text>", "why; kept with the run"] as const;
  runs
    .command("pause")
    .summary("nothing new of a run starts, what runs goes on; the same as capstan pause")
    .argument("<run...>", "name, id or @last")
    .option(...reason)
    .addHelpText("before", "Examples:\n  capstan runs pause nightly-42 --reason 'the disk is full'\n")
    .action(async (references: readonly string[], flags: { readonly reason?: string }, command: Command) => {
      await eachRun(context(command), references, (client, run) =>
        client.call("runPause", { params: { run }, body: bodyOf(flags) }),
      );
    });
  runs
    .command("resume")
    .summary("let paused runs go on; the same as capstan resume")
    .argument("<run...>", "name, id or @last")
    .addHelpText("before", "Examples:\n  capstan runs resume nightly-42\n")
    .action(async (references: readonly string[], _flags: object, command: Command) => {
      await eachRun(context(command), references, (client, run) => client.call("runResume", { params: { run } }));
    });
}

async function eachRun(
  ctx: Context,
  references: readonly string[],
  act: (client: Client, run: string) => Promise<Steered>,
): Promise<void> {
  const client = ctx.client();
  const runs: Steered[] = [];
  for (const text of references) runs.push(await act(client, await runOf(client, text)));
  ctx.out.list(runs, steeredColumns, (one) => one.run);
}
