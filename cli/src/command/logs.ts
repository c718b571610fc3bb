import { type Command } from "commander";
import type { Context } from "../context.ts";
import { wholeNumber } from "../flag-value.ts";
import { followLogs, printLogs, type LogOptions } from "../log-print.ts";
import { resolveReference } from "../run-lookup.ts";

interface LogFlags {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly attempt?: number;
  readonly timestamps?: boolean;
  readonly prefix: boolean;
  readonly raw?: boolean;
}

/** `capstan logs`: what tasks wrote. */
export function registerLogs(program: Command, context: (command: Command) => Context): void {
  program
    .command("logs")
    .summary("print the logs of a run or a task")
    .argument("<ref>", "RUN[/TASK[.INDEX]][@ATTEMPT], an id, or @last")
    .option("-f, --follow", "go on until the logs end")
    .option("--tail <n>", "the last n lines", wholeNumber(1, 9999))
    .option("--attempt <n>", "one attempt", wholeNumber(1, 9999))
    .option("--timestamps", "begin each line with its time")
    .option("--no-prefix", "no task names before the lines")
    .option("--raw", "the bytes as the task wrote them, secrets masked")
    .addHelpText("before", "Examples:\n  capstan logs hello-1 -f\n  capstan logs @last/load --tail 20\n")
    .action(async (text: string, flags: LogFlags, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const { run, task, attempt: named } = await resolveReference(client, text);
      const attempt = flags.attempt ?? named;
      const narrowed = { ...(task === undefined ? {} : { task }), ...(attempt === undefined ? {} : { attempt }) };
      if (flags.raw === true) {
        const body = await client.bytes("rawLogs", { params: { run }, query: narrowed });
        if (body !== null) for await (const chunk of body) process.stdout.write(chunk);
        return;
      }
      const options: LogOptions = {
        run,
        ...narrowed,
        ...(flags.tail === undefined ? {} : { tail: flags.tail }),
        hasPrefix: flags.prefix && task === undefined,
        hasTimes: flags.timestamps === true,
      };
      await (flags.follow === true ? followLogs : printLogs)(client, ctx.out, options);
    });
}
