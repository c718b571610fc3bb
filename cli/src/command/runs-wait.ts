import { failureText, formatDuration, isRunEnded, type RunView, type TaskRunView } from "@capstan/proto";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { exitCodeOfRun, exitCodes, type ExitCode } from "../exit-code.ts";
import { duration } from "../flag-value.ts";
import { resolveReference } from "../run-lookup.ts";
import { watchRun } from "../run-watch.ts";

/** Reasons that no time and no machine ends. */
const personReasons: ReadonlySet<string> = new Set(["waiting_approval", "retries_exhausted", "parked", "quarantined"]);

/** What of a run waits for a person: `publish-7/ask`, or the run itself while it is paused. */
export function waitsForPerson(run: RunView, tasks: readonly TaskRunView[]): string | undefined {
  if (run.state === "paused") return run.name;
  const task = tasks.find(
    ({ endedAt, reason }) => endedAt === null && reason !== null && personReasons.has(reason.code),
  );
  return task === undefined ? undefined : `${run.name}/${task.task}`;
}

export interface WaitFlags {
  readonly timeout?: number;
  readonly failOnWait?: boolean;
}

/** `capstan runs wait`: until a run has ended; the exit code is the run's. */
export function addRunsWait(runs: Command, context: (command: Command) => Context): void {
  runs
    .command("wait")
    .summary("wait until a run has ended")
    .description(
      "Waits until a run has ended. The exit code is the run's: 0 succeeded, 1 failed or timed out, 8 cancelled; 124 where the time was up first.",
    )
    .argument("<run>", "name, id or @last")
    .option("--timeout <duration>", "wait at most so long (exit 124); the run goes on", duration("10m", { min: "1ms" }))
    .option("--fail-on-wait", "stop where the run waits for a person: an approval, a pause (exit 9)")
    .addHelpText(
      "before",
      "Examples:\n  capstan runs wait nightly-42 --timeout 1h\n  capstan runs wait @last --fail-on-wait -o json\n",
    )
    .action(async (text: string, flags: WaitFlags, command: Command) => {
      const ctx = context(command);
      const { run } = await resolveReference(ctx.client(), text);
      process.exitCode = await waitFor(ctx, run, flags);
    });
}

/** Waits for a run to end, prints it, and gives the exit code of what came first. */
export async function waitFor(ctx: Context, name: string, flags: WaitFlags): Promise<ExitCode> {
  const client = ctx.client();
  const { out } = ctx;
  const end = flags.timeout === undefined ? Infinity : performance.now() + flags.timeout;
  for await (const { run, tasks } of watchRun(client, name, end)) {
    const print = (): void =>
      out.one(run, run.name, () => `${run.name}  ${out.state(run.state)}  ${client.page(`/runs/${run.name}`)}\n`);
    if (isRunEnded(run.state)) {
      print();
      if (run.failure !== null) out.talk(`${failureText(run.failure)}\ncapstan explain ${run.name}`);
      return exitCodeOfRun(run.state);
    }
    const waiting = flags.failOnWait === true ? waitsForPerson(run, tasks) : undefined;
    if (waiting !== undefined) {
      print();
      out.talk(`${waiting} waits for a person\ncapstan explain ${waiting}`);
      return exitCodes.waitsForPerson;
    }
    if (performance.now() >= end) break;
  }
  out.talk(`${name} has not ended after ${formatDuration(flags.timeout ?? 0)}; it goes on`);
  return exitCodes.timedOutHere;
}
