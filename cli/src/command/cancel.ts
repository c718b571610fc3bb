import { InvalidArgumentError, type Command } from "commander";
import { AppError, isRunEnded, runStates, type Cancelled, type RunSelection, type RunState } from "@capstan/proto";
import { collect } from "../collect.ts";
import type { Context } from "../context.ts";
import { duration, wholeNumber } from "../flag-value.ts";
import { steeredColumns } from "../output/run-columns.ts";
import { resolveReference } from "../run-lookup.ts";

interface CancelFlags {
  readonly reason?: string;
  readonly grace?: number;
  readonly force?: boolean;
  readonly workflow?: readonly string[];
  readonly state?: readonly RunState[];
  readonly olderThan?: number;
  readonly dryRun?: boolean;
  readonly expect?: number;
}

function states(text: string, before: readonly RunState[] = []): RunState[] {
  const state = runStates.find((known) => known === text && !isRunEnded(known));
  if (state === undefined) throw new InvalidArgumentError("queued, running, paused or cancelling is needed");
  return [...before, state];
}

/** Which runs the flags name; undefined where they name none. */
function selectionOf({ workflow, state, olderThan }: CancelFlags): RunSelection | undefined {
  if (workflow === undefined && state === undefined && olderThan === undefined) return undefined;
  return {
    ...(workflow === undefined ? {} : { workflow: [...workflow] }),
    ...(state === undefined ? {} : { state: [...state] }),
    ...(olderThan === undefined ? {} : { createdBefore: new Date(Date.now() - olderThan).toISOString() }),
  };
}

/** Cancels what the flags name. Without --expect it only counts: a mistyped flag must not cost a thousand runs. */
async function cancelMany(ctx: Context, filter: RunSelection, flags: CancelFlags): Promise<void> {
  const client = ctx.client();
  const counts = flags.dryRun === true || flags.expect === undefined;
  const started = await client.call("runsCancel", {
    body: {
      filter,
      ...(counts ? { dryRun: true } : { expectCount: flags.expect }),
      ...(flags.reason === undefined ? {} : { reason: flags.reason }),
      ...(flags.force === true ? { force: true } : {}),
    },
  });
  const { operation } = started;
  if (operation === null) {
    const some =
      started.runs.length === 0 ? "" : `: ${started.runs.join(" ")}${started.count > started.runs.length ? " …" : ""}`;
    ctx.out.one(started, String(started.count), () => `${started.count} runs fit${some}\n`);
    if (counts && started.count > 0) ctx.out.hint(`nothing is cancelled yet; repeat it with --expect ${started.count}`);
    return;
  }
  let view = await client.call("operationGet", { params: { operation } });
  while (view.open > 0) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    view = await client.call("operationGet", { params: { operation } });
  }
  const problems = view.problems.map(({ run, detail }) => `  ${run}: ${detail}\n`).join("");
  ctx.out.one(view, view.id, () => `${view.done} cancelled, ${view.refused} refused\n${problems}`);
}

/** `capstan cancel`: stop runs, or one task of a run. */
export function registerCancel(program: Command, context: (command: Command) => Context): void {
  program
    .command("cancel")
    .summary("cancel runs")
    .argument("[ref...]", "runs, or RUN/TASK for one task; or none, and flags that say which")
    .option("--workflow <name>", "every run of it that goes on; may be repeated", collect)
    .option("--state <state>", "only runs in this state; may be repeated", states)
    .option("--older-than <duration>", "only runs asked for before that", duration("2h"))
    .option("--dry-run", "count them, cancel nothing")
    .option("--expect <n>", "cancel them if they are this many", wholeNumber(0, 99_999))
    .option("--reason <text>", "why; kept with the run")
    .option("--grace <duration>", "time between TERM and KILL", duration("10s", { max: "1h" }))
    .option("--force", "end cleanup tasks too")
    .addHelpText(
      "before",
      "Examples:\n  capstan cancel hello-42 --reason 'wrong input'\n  capstan cancel --workflow nightly --older-than 2h\n",
    )
    .action(async (references: readonly string[], flags: CancelFlags, command: Command) => {
      const ctx = context(command);
      const selection = selectionOf(flags);
      if ((selection === undefined) === (references.length === 0))
        throw new AppError("usage", "name runs, or say which by --workflow, --state or --older-than; one of both");
      if (selection !== undefined) return cancelMany(ctx, selection, flags);
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
