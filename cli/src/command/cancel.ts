import { InvalidArgumentError, type Command } from "commander";
import { parseDuration, type Cancelled } from "@capstan/proto";
import type { Context } from "../context.ts";
import { steeredColumns } from "../output/run-columns.ts";
import { resolveReference } from "../run-lookup.ts";

interface CancelFlags {
  readonly reason?: string;
  readonly grace?: number;
  readonly force?: boolean;
}

function grace(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms > 3_600_000) throw new InvalidArgumentError("a duration up to 1h is needed, such as 10s");
  return ms;
}

/** `capstan cancel`: stop runs, or one task of a run. */
export function registerCancel(program: Command, context: (command: Command) => Context): void {
  program
    .command("cancel")
    .summary("cancel runs")
    .argument("<ref...>", "runs, or RUN/TASK for one task")
    .option("--reason <text>", "why; kept with the run")
    .option("--grace <duration>", "time between TERM and KILL", grace)
    .option("--force", "end cleanup tasks too")
    .addHelpText("before", "Examples:\n  capstan cancel hello-42 --reason 'wrong input'\n")
    .action(async (references: readonly string[], flags: CancelFlags, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const reason = flags.reason === undefined ? {} : { reason: flags.reason };
      const done: Cancelled[] = [];
      for (const text of references) {
        const { run, task } = await resolveReference(client, text);
        const body = {
          ...reason,
          ...(flags.force === true ? { force: true } : {}),
          ...(flags.grace === undefined ? {} : { graceMs: flags.grace }),
        };
        done.push(
          task === undefined
            ? await client.call("runCancel", { params: { run }, body })
            : await client.call("taskCancel", { params: { run, task }, body: reason }),
        );
      }
      ctx.out.list(done, steeredColumns, (one) => one.run);
    });
}
