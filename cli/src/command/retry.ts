import { Option, type Command } from "commander";
import { AppError, type RetryBody, type RunView } from "@capstan/proto";
import { collect } from "../collect.ts";
import type { Context } from "../context.ts";
import { exitCodes } from "../exit-code.ts";
import { steeredColumns } from "../output/run-columns.ts";
import { resolveReference } from "../run-lookup.ts";
import { readMarks } from "./mark.ts";
import { stay } from "./run.ts";

interface RetryFlags {
  readonly failed?: boolean;
  readonly from?: string;
  readonly all?: boolean;
  readonly mark: readonly string[];
  readonly reason?: string;
  readonly withVersion?: "same" | "latest";
  readonly watch?: boolean;
  readonly wait?: string | true;
}

const withVersion = (): Option =>
  new Option("--with-version <v>", "the version of that run, or the deployed one").choices(["same", "latest"]);

/** `capstan retry`: a new run that re-uses what succeeded, or the next attempt of a task at once. */
export function registerRetry(program: Command, context: (command: Command) => Context): void {
  program
    .command("retry")
    .summary("retry a run that has ended, or a task that waits")
    .description(
      "Of a run that has ended: starts a new run with the same inputs that re-uses what succeeded. RUN/TASK of a run that goes on: tries a task at once that waits for its next attempt.",
    )
    .argument("<ref>", "a run: name, id or @last-failed; or RUN/TASK")
    .option("--failed", "run anew what did not succeed, and all after it (the default)")
    .option("--from <task>", "run anew this task and all after it")
    .option("--all", "run everything anew")
    .option("--mark <task=state>", "end a task by your word: load=succeeded; may be repeated", collect, [])
    .option("--reason <text>", "why; needed with --mark")
    .addOption(withVersion())
    .option("-w, --watch", "follow the new run until it ends")
    .option("--wait [duration]", "wait until it ends, or at most this long (exit 124)")
    .addHelpText(
      "before",
      "Examples:\n  capstan retry @last-failed --watch\n  capstan retry nightly-41 --from load\n  capstan retry nightly-42/load\n",
    )
    .action(async (text: string, flags: RetryFlags, command: Command) => {
      process.exitCode = await retry(context(command), text, flags);
    });
}

/** `capstan rerun`: a new run that takes only the inputs of another. */
export function registerRerun(parent: Command, context: (command: Command) => Context): void {
  parent
    .command("rerun")
    .summary("start a run with the inputs of another")
    .argument("<run>", "name, id or @last")
    .addOption(withVersion())
    .option("-w, --watch", "follow the new run until it ends")
    .option("--wait [duration]", "wait until it ends, or at most this long (exit 124)")
    .addHelpText(
      "before",
      `Examples:\n  ${parent.name() === "runs" ? "capstan runs" : "capstan"} rerun nightly-41 --with-version latest --watch\n`,
    )
    .action(async (text: string, flags: Omit<RetryFlags, "mark">, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const { run } = await resolveReference(client, text);
      const body = flags.withVersion === undefined ? {} : { version: flags.withVersion };
      const started = await client.call("runRerun", { params: { run }, body });
      process.exitCode = await follow(ctx, started, flags);
    });
}

async function retry(ctx: Context, text: string, flags: RetryFlags): Promise<number> {
  const client = ctx.client();
  const { run, task } = await resolveReference(client, text);
  if (task !== undefined) {
    const done = await client.call("taskRetryNow", { params: { run, task } });
    ctx.out.list([done], steeredColumns, (one) => one.run);
    return exitCodes.done;
  }
  const asked = [flags.failed === true, flags.from !== undefined, flags.all === true].filter(Boolean);
  if (asked.length > 1) throw new AppError("usage", "--failed, --from and --all exclude one another");
  const marks = readMarks(flags.mark, flags.reason);
  const body: RetryBody = {
    ...(flags.all === true ? { mode: "all" as const } : {}),
    ...(flags.from === undefined ? {} : { from: flags.from }),
    ...(flags.withVersion === undefined ? {} : { version: flags.withVersion }),
    ...(marks === undefined ? {} : { mark: marks }),
  };
  return follow(ctx, await client.call("runRetry", { params: { run }, body }), flags);
}

async function follow(ctx: Context, run: RunView, flags: Pick<RetryFlags, "watch" | "wait">): Promise<number> {
  if (flags.watch === true || flags.wait !== undefined) return stay(ctx, ctx.client(), run, flags);
  const page = ctx.client().page(`/runs/${run.name}`);
  ctx.out.one(run, run.name, () => `${run.name}  ${ctx.out.state(run.state)}  ${page}\n`);
  return exitCodes.done;
}
