import { join, resolve } from "node:path";
import { AppError, type OutputsView } from "@capstan/proto";
import type { Command } from "commander";
import type { Client } from "../api/client.ts";
import type { Context } from "../context.ts";
import { printable, type Column } from "../output/table.ts";
import { resolveReference } from "../run-lookup.ts";
import { didYouMean } from "../suggestion.ts";
import { writeNewFile } from "../write-new-file.ts";

interface OutputsFlags {
  readonly task?: string;
  readonly download?: string;
}

interface Fetched {
  readonly file: string;
  readonly task: string;
  readonly output: string;
  readonly sizeBytes: number;
}

const columns: readonly Column<Fetched>[] = [
  { title: "FILE", key: "file", value: (row) => row.file },
  { title: "TASK", key: "task", value: (row) => row.task },
  { title: "OUTPUT", key: "output", value: (row) => row.output },
  { title: "BYTES", key: "sizeBytes", value: (row) => String(row.sizeBytes), align: "right" },
];

/** `capstan runs outputs`: what a run or a task gave, and its files. */
export function addRunsOutputs(runs: Command, context: (command: Command) => Context): void {
  runs
    .command("outputs")
    .summary("outputs of a run or of one of its tasks; with --download its files")
    .argument("<run>", "name, id or @last; or RUN/TASK")
    .option("--task <task>", "of this task, as RUN/TASK says too")
    .option("--download <dir>", "write the files among them into a folder; nothing there is overwritten")
    .addHelpText(
      "before",
      "Examples:\n  capstan runs outputs @last\n  capstan runs outputs nightly-42/train -o json\n  capstan runs outputs nightly-42 --download out\n",
    )
    .action(async (text: string, flags: OutputsFlags, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const reference = await resolveReference(client, text);
      const task = flags.task ?? reference.task;
      const outputs = await client.call("outputsGet", { params: { run: reference.run } });
      if (flags.download !== undefined)
        return download(ctx, client, { ...outputs, run: reference.run }, task, flags.download);
      const value = task === undefined ? outputs.outputs : await outputsOfTask(client, outputs, reference.run, task);
      ctx.out.one(value, reference.run, () => `${JSON.stringify(value, null, 2)}\n`);
    });
}

/** @throws not_found for a task that the run does not have */
async function outputsOfTask(
  client: Client,
  outputs: OutputsView,
  run: string,
  task: string,
): Promise<OutputsView["outputs"]> {
  const found = outputs.tasks[task];
  if (found !== undefined) return found;
  const { data } = await client.call("taskList", { params: { run } });
  if (data.some((one) => one.task === task)) return {};
  // An index of a mapped task is in no list of the run's tasks.
  if (/\.\d+$/.test(task)) return (await client.call("taskGet", { params: { run, task } })).outputs ?? {};
  const known = data.map((one) => one.task);
  throw new AppError("not_found", `${run} has no task ${task}.${didYouMean(task, known)}`);
}

/** The last part of a name alone: what a task called its file leads nowhere else. */
const harmlessName = (name: string): string => printable(name).replaceAll(/[/\\]/g, "_").replace(/^\.+/, "_");

async function download(
  ctx: Context,
  client: Client,
  outputs: OutputsView,
  task: string | undefined,
  dir: string,
): Promise<void> {
  const folder = resolve(ctx.cwd, dir);
  const wanted = outputs.files.filter((file) => task === undefined || file.task === task);
  const done: Fetched[] = [];
  for (const { name, task: of, output, sizeBytes } of wanted) {
    const file = join(folder, harmlessName(name));
    await writeNewFile(file, await client.bytes("fileGet", { params: { run: outputs.run, name } }));
    done.push({ file, task: of, output, sizeBytes });
  }
  ctx.out.list(done, columns, (row) => row.file);
  if (done.length === 0)
    ctx.out.hint(`${outputs.run} has no files${task === undefined ? "" : ` of ${task}`} among its outputs.`);
}
