import { InvalidArgumentError, type Command } from "commander";
import { AppError, failureText, isRunEnded, parseDuration, type RunView } from "@capstan/proto";
import type { Client } from "../api/client.ts";
import { collect } from "../collect.ts";
import type { Context } from "../context.ts";
import { exitCodeOfRun, exitCodes } from "../exit-code.ts";
import type { RunInputs } from "../inputs.ts";
import { readLabels } from "../labels.ts";

interface RunFlags {
  readonly input: readonly string[];
  readonly inputs?: string;
  readonly watch?: boolean;
  readonly wait?: string | true;
  readonly logs?: boolean;
  readonly timeout?: string;
  readonly label: readonly string[];
  readonly version?: string;
  readonly set: readonly string[];
  readonly idempotencyKey?: string;
  readonly dedupeKey?: string;
  readonly open?: boolean;
  readonly fromRun?: string;
  readonly failOnWait?: boolean;
  readonly dryRun?: boolean;
}

function duration(text: string): string {
  if (parseDuration(text) === undefined) throw new InvalidArgumentError(`${text} is no duration; write 30s or 10m`);
  return text;
}

/** `capstan run`: start a run, and on request stay with it. */
export function registerRun(program: Command, context: (command: Command) => Context): void {
  program
    .command("run")
    .summary("start a run of a workflow")
    .description(
      "Starts a run. With --watch, --wait or --logs the exit code is the run's: 0 succeeded, 1 failed or timed out, 8 cancelled.",
    )
    .argument("<workflow>")
    .option("-i, --input <key=value>", "an input; key=@file takes a file's text; may be repeated", collect, [])
    .option("--inputs <file>", "inputs as YAML or JSON; - is stdin")
    .option("-w, --watch", "follow the run until it ends")
    .option("--wait [duration]", "wait until it ends, or at most this long (exit 124)")
    .option("--logs", "print its logs until it ends")
    .option("--timeout <duration>", "stop watching after this time (exit 124); the run goes on", duration)
    .option("--label <key=value>", "a label of the run; may be repeated", collect, [])
    .option("--version <v>", "number or digest of a version; the deployed one unless said")
    .option("--set <pointer=value>", "change what the workflow lists as overridable; may be repeated", collect, [])
    .option("--idempotency-key <key>", "the same key starts the same run once")
    .option("--dedupe-key <key>", "the run of this key that has not ended, if there is one; a new one otherwise")
    .option("--from-run <run>", "with the inputs of another run; -i changes single ones")
    .option("--fail-on-wait", "with --wait: stop where the run waits for a person (exit 9)")
    .option("--dry-run", "check the inputs, and say what would run; start nothing")
    .option("--open", "open its page in a browser")
    .addHelpText(
      "before",
      "Examples:\n  capstan run hello --watch\n  capstan run daily_csv_to_sqlite -i url=https://… --logs\n  capstan run hello --wait -o json\n  capstan run hello --from-run @prev -i name=you --dry-run\n",
    )
    .action(async (workflow: string, flags: RunFlags, command: Command) => {
      const ctx = context(command);
      process.exitCode = await start(ctx, workflow, flags);
    });
}

async function findWorkflow(
  client: Client,
  workflow: string,
): Promise<Awaited<ReturnType<typeof client.call<"workflowGet">>>> {
  try {
    return await client.call("workflowGet", { params: { workflow } });
  } catch (error) {
    const [{ ProblemError }, { didYouMean }] = await Promise.all([
      import("../api/problem.ts"),
      import("../suggestion.ts"),
    ]);
    if (!(error instanceof ProblemError) || error.problem.code !== "not_found") throw error;
    const known = await client.call("workflowList", { query: { limit: 500 } });
    const detail = `there is no workflow ${workflow}.${didYouMean(
      workflow,
      known.data.map((one) => one.name),
    )}`;
    throw new ProblemError({ ...error.problem, detail });
  }
}

/** Inputs of an earlier run of the same workflow. @throws usage for one of another */
async function inputsOf(client: Client, workflow: string, text: string): Promise<RunInputs> {
  const { resolveReference } = await import("../run-lookup.ts");
  const { run } = await resolveReference(client, text);
  const found = await client.call("runGet", { params: { run } });
  if (found.workflow !== workflow)
    throw new AppError(
      "usage",
      `${found.name} is a run of ${found.workflow}, and its inputs are not those of ${workflow}`,
    );
  return found.inputs;
}

async function start(ctx: Context, workflow: string, flags: RunFlags): Promise<number> {
  const client = ctx.client();
  const { readInputs, readOverrides } = await import("../inputs.ts");
  const found = await findWorkflow(client, workflow);
  const before = flags.fromRun === undefined ? {} : await inputsOf(client, workflow, flags.fromRun);
  const inputs = { ...before, ...readInputs(flags.input, flags.inputs, found.inputs) };
  const labels = readLabels(flags.label, "--label");
  const version =
    flags.version === undefined ? {} : { version: /^\d+$/.test(flags.version) ? Number(flags.version) : flags.version };
  if (flags.dryRun === true)
    return (await import("../run-plan.ts")).showPlan(ctx, client, { workflow, inputs, ...version });
  const stays = flags.watch === true || flags.wait !== undefined || flags.logs === true;
  const run = await client.call("runStart", {
    params: { workflow },
    body: {
      inputs,
      ...(flags.set.length === 0 ? {} : { overrides: readOverrides(flags.set) }),
      ...(flags.label.length === 0 ? {} : { labels }),
      ...version,
      ...(flags.dedupeKey === undefined ? {} : { dedupeKey: flags.dedupeKey }),
    },
    ...(flags.idempotencyKey === undefined ? {} : { idempotencyKey: flags.idempotencyKey }),
  });
  const page = client.page(`/runs/${run.name}`);
  if (flags.open === true) await (await import("../dev/keys.ts")).openAddress(page);
  if (!stays) {
    ctx.out.one(run, run.name, () => `${run.name}  ${ctx.out.state(run.state)}  ${page}\n`);
    return exitCodes.done;
  }
  return stay(ctx, client, run, flags);
}

/** Follows a run until it ends, or for the time that was given; the exit code is the run's. */
export async function stay(
  ctx: Context,
  client: Client,
  run: RunView,
  flags: Pick<RunFlags, "watch" | "wait" | "logs" | "timeout" | "failOnWait">,
): Promise<number> {
  const { out } = ctx;
  const [{ waitForRun }, { followLogs }] = await Promise.all([import("../run-watch.ts"), import("../log-print.ts")]);
  const limit = flags.timeout ?? (typeof flags.wait === "string" ? duration(flags.wait) : undefined);
  const limitMs = limit === undefined ? undefined : parseDuration(limit);
  process.once("SIGINT", () => {
    out.talk(`\ndetached; ${run.name} goes on. Cancel it with: capstan cancel ${run.name}`);
    process.exit(exitCodes.interrupted);
  });
  const timer =
    limitMs === undefined
      ? undefined
      : setTimeout(() => {
          out.talk(`${run.name} has not ended after ${limit}; it goes on`);
          process.exit(exitCodes.timedOutHere);
        }, limitMs);
  if (flags.failOnWait === true && flags.logs !== true && flags.watch !== true)
    return (await import("./runs-wait.ts")).waitFor(ctx, run.name, {
      failOnWait: true,
      ...(limitMs === undefined ? {} : { timeout: limitMs }),
    });
  if (flags.logs === true) await followLogs(client, out, { run: run.name, hasPrefix: true, hasTimes: false });
  else if (flags.watch === true) await (await import("../watch-tree.ts")).watchTree(client, ctx, run.name);
  const ended = await waitForRun(client, run.name);
  clearTimeout(timer);
  if (ended === undefined || !isRunEnded(ended.state)) return exitCodes.timedOutHere;
  const line = `${ended.name}  ${out.state(ended.state)}  ${client.page(`/runs/${ended.name}`)}`;
  if (out.format === "json" || out.format === "yaml" || out.format === "name") out.one(ended, ended.name, () => "");
  else if (flags.watch !== true || flags.logs === true) out.one(ended, ended.name, () => `${line}\n`);
  if (ended.failure !== null)
    out.talk(
      `${ended.failure.task === undefined ? "" : `${ended.failure.task}: `}${failureText(ended.failure)}\ncapstan explain ${ended.name}`,
    );
  return exitCodeOfRun(ended.state);
}
