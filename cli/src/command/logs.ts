import { resolve } from "node:path";
import { AppError, type LogLine } from "@capstan/proto";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Client } from "../api/client.ts";
import type { Context } from "../context.ts";
import { moment, wholeNumber } from "../flag-value.ts";
import { followLogs, printLogs, type LogOptions } from "../log-print.ts";
import { resolveReference } from "../run-lookup.ts";
import { writeNewFile } from "../write-new-file.ts";

type Stream = LogLine["stream"];

interface LogFlags {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly attempt?: number;
  readonly since?: string;
  readonly grep?: RegExp;
  readonly stream?: Stream;
  readonly failed?: boolean;
  readonly timestamps?: boolean;
  readonly prefix: boolean;
  readonly raw?: boolean;
  readonly download?: string;
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : "it is no regular expression");
  }
}

/** Which lines the flags leave; undefined where they leave all. */
export function keeper({ since, grep, stream }: Pick<LogFlags, "since" | "grep" | "stream">): LogOptions["keep"] {
  if (since === undefined && grep === undefined && stream === undefined) return undefined;
  return (line) =>
    (since === undefined || line.at >= since) &&
    (stream === undefined || line.stream === stream) &&
    (grep === undefined || grep.test(line.text));
}

/** `capstan logs`: what tasks wrote. */
export function registerLogs(program: Command, context: (command: Command) => Context): void {
  program
    .command("logs")
    .summary("print the logs of a run or a task")
    .argument("<ref>", "RUN[/TASK[.INDEX]][@ATTEMPT], an id, or @last")
    .option("-f, --follow", "go on until the logs end")
    .option("--since <time>", "lines from a time on, or of the last 10m", moment)
    .option("--tail <n>", "the last n lines", wholeNumber(1, 9999))
    .option("--grep <regexp>", "lines that fit", pattern)
    .addOption(new Option("--stream <name>", "lines of one stream").choices(["stdout", "stderr", "system"]))
    .option("--failed", "of the tasks that failed")
    .option("--attempt <n>", "one attempt", wholeNumber(1, 9999))
    .option("--timestamps", "begin each line with its time")
    .option("--no-prefix", "no task names before the lines")
    .option("--raw", "the bytes as the task wrote them, secrets masked")
    .option("--download <file>", "write the bytes into a new file")
    .addHelpText(
      "before",
      "Examples:\n  capstan logs hello-1 -f\n  capstan logs @last/load --tail 20\n  capstan logs @last-failed --failed --grep 'error|refused'\n  capstan logs nightly-42 --download nightly-42.log\n",
    )
    .action(async (text: string, flags: LogFlags, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const { run, task, attempt: named } = await resolveReference(client, text);
      const attempt = flags.attempt ?? named;
      const narrowed = { ...(task === undefined ? {} : { task }), ...(attempt === undefined ? {} : { attempt }) };
      const keep = keeper(flags);
      const isWhole = keep === undefined && flags.tail === undefined && flags.failed !== true && flags.follow !== true;
      if (flags.raw === true || flags.download !== undefined) {
        if (!isWhole) throw new AppError("usage", "--raw and --download take all bytes of a run, a task or an attempt");
        return writeRaw(ctx, client, { run, narrowed, file: flags.download });
      }
      const options: LogOptions = {
        run,
        ...narrowed,
        ...(flags.tail === undefined ? {} : { tail: flags.tail }),
        ...(keep === undefined ? {} : { keep }),
        hasPrefix: flags.prefix && task === undefined,
        hasTimes: flags.timestamps === true,
      };
      if (flags.failed !== true) return (flags.follow === true ? followLogs : printLogs)(client, ctx.out, options);
      if (task !== undefined || flags.follow === true)
        throw new AppError("usage", "--failed chooses the tasks of a run that has ended: no /TASK and no -f with it");
      const failed = await failedTasks(client, run);
      for (const one of failed) await printLogs(client, ctx.out, { ...options, task: one });
      if (failed.length === 0) ctx.out.hint(`No task of ${run} has failed.`);
    });
}

const failedStates = ["failed", "timed_out"] as const;

/** Tasks that failed, and of a mapped task its indexes that did; at most 100 of each. */
async function failedTasks(client: Client, run: string): Promise<string[]> {
  const { data } = await client.call("taskList", { params: { run }, query: { hooks: true } });
  const failed: string[] = [];
  for (const { task, state, mapped } of data) {
    if (mapped === null && (state === "failed" || state === "timed_out")) failed.push(task);
    if (mapped === null || mapped.failed === 0) continue;
    const query = { of: task, state: [...failedStates], limit: 100 };
    failed.push(...(await client.call("taskList", { params: { run }, query })).data.map((one) => one.task));
  }
  return failed;
}

interface RawOptions {
  readonly run: string;
  readonly narrowed: { readonly task?: string; readonly attempt?: number };
  readonly file: string | undefined;
}

async function writeRaw(ctx: Context, client: Client, { run, narrowed, file }: RawOptions): Promise<void> {
  const body = await client.bytes("rawLogs", { params: { run }, query: narrowed });
  if (file === undefined) {
    if (body !== null) for await (const chunk of body) process.stdout.write(chunk);
    return;
  }
  const place = resolve(ctx.cwd, file);
  await writeNewFile(place, body);
  ctx.out.talk(`the log of ${run} is in ${place}`);
}
