import { InvalidArgumentError, type Command } from "commander";
import {
  AppError,
  type BackfillPlanned,
  type BackfillRunView,
  type BackfillSteered,
  type BackfillValueView,
  type BackfillView,
  type StartBackfillBody,
} from "@capstan/proto";
import { collect } from "../collect.ts";
import type { Context } from "../context.ts";
import { wholeNumber } from "../flag-value.ts";
import type { Column } from "../output/table.ts";

const columns: readonly Column<BackfillView>[] = [
  { title: "BACKFILL", key: "id", value: (one) => one.id },
  { title: "WORKFLOW", key: "workflow", value: (one) => one.workflow },
  { title: "WHAT", key: "what", value: (one) => one.what },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "DONE", key: "succeeded", value: (one) => `${one.succeeded + one.skipped} of ${one.total}` },
  { title: "FAILED", key: "failed", value: (one) => String(one.failed), align: "right" },
  { title: "WHY", key: "reason", value: (one) => one.reason?.detail ?? "" },
];

const runColumns: readonly Column<BackfillRunView>[] = [
  { title: "FOR", key: "value", value: (one) => valueText(one.value) },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "RUN", key: "run", value: (one) => one.run ?? "" },
  { title: "WHY", key: "detail", value: (one) => one.detail ?? one.code ?? "" },
];

const steeredColumns: readonly Column<BackfillSteered>[] = [
  { title: "BACKFILL", key: "backfill", value: (one) => one.backfill },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "BEFORE", key: "already", value: (one) => (one.already ? "already" : "") },
];

const valueText = ({ at, inputs, retries }: BackfillValueView): string =>
  at ??
  retries ??
  Object.entries(inputs ?? {})
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(" ");

function plannedText(planned: BackfillPlanned): string {
  const { count, existing, first, last, workflow, version } = planned;
  const range = first === null || last === null ? "" : `  first  ${valueText(first)}\n  last   ${valueText(last)}\n`;
  const skipped = existing === null ? "" : `, ${existing} of them there already`;
  return `${count} runs of ${workflow} version ${version}${skipped}\n${range}`;
}

function viewText(view: BackfillView): string {
  const { id, workflow, what, state, total, left, going, succeeded, failed, cancelled, skipped, reason } = view;
  const range = view.from === null ? "" : `, ${view.from} to ${view.to ?? ""}`;
  return [
    `${id}  ${state}  ${workflow}, ${what}${range}`,
    `  ${total} in all: ${succeeded} succeeded, ${failed} failed, ${skipped} skipped, ${cancelled} cancelled, ${going} going, ${left} left`,
    ...(reason === null ? [] : [`  ${reason.code}: ${reason.detail}`]),
    ...(view.origin === null ? [] : [`  retries ${view.origin}`]),
    "",
  ].join("\n");
}

function order(text: string): "asc" | "desc" {
  if (text === "asc" || text === "desc") return text;
  throw new InvalidArgumentError("asc or desc is needed");
}

interface StartFlags {
  readonly from?: string;
  readonly to?: string;
  readonly every?: string;
  readonly schedule?: string;
  readonly timezone?: string;
  readonly values?: string;
  readonly input: readonly string[];
  readonly maxParallel?: number;
  readonly order?: "asc" | "desc";
  readonly skipExisting?: boolean;
  readonly dryRun?: boolean;
}

async function bodyOf(ctx: Context, workflow: string, flags: StartFlags): Promise<StartBackfillBody> {
  const { input, values, ...rest } = flags;
  if ((values === undefined) === (rest.from === undefined))
    throw new AppError("usage", "say what it is for: --from and --to, or --values FILE; one of both");
  const { readInputs, readValues } = await import("../inputs.ts");
  const inputs =
    input.length === 0
      ? {}
      : {
          inputs: readInputs(
            input,
            undefined,
            (await ctx.client().call("workflowGet", { params: { workflow } })).inputs,
          ),
        };
  return { workflow, ...rest, ...(values === undefined ? {} : { values: readValues(values) }), ...inputs };
}

/** `capstan backfills`: runs for times that have passed, or for a list of values. */
export function registerBackfills(program: Command, context: (command: Command) => Context): void {
  const backfills = program.command("backfills").summary("runs for times that have passed, or for a list of values");
  backfills
    .command("list")
    .summary("backfills, newest first")
    .option("--workflow <name>", "of one workflow")
    .action(async (flags: { readonly workflow?: string }, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("backfillList", { query: flags });
      ctx.out.list(page.data, columns, (one) => one.id, page);
      if (page.data.length === 0)
        ctx.out.hint("No backfills yet. capstan backfills start WORKFLOW --from 2026-05-01 --to 2026-06-01 --dry-run");
    });
  backfills
    .command("show")
    .summary("how far a backfill has come, and what it waits for")
    .argument("<backfill>", "bf_…")
    .option("--runs", "what became of each value")
    .option("--failed", "of those that failed")
    .action(
      async (backfill: string, flags: { readonly runs?: boolean; readonly failed?: boolean }, command: Command) => {
        const ctx = context(command);
        if (flags.runs !== true && flags.failed !== true) {
          const view = await ctx.client().call("backfillGet", { params: { backfill } });
          ctx.out.one(view, view.id, () => viewText(view));
          return;
        }
        const query = flags.failed === true ? { outcome: ["failed", "timed_out", "refused"] as const } : {};
        const page = await ctx.client().call("backfillRuns", {
          params: { backfill },
          query: { limit: 500, ...query, outcome: query.outcome?.slice() },
        });
        ctx.out.list(page.data, runColumns, (one) => one.run ?? "", page);
      },
    );
  backfills
    .command("start")
    .summary("start runs for a range of time or for values")
    .argument("<workflow>")
    .option("--from <time>", "a date, or a time with a zone")
    .option("--to <time>", "the end, which does not belong to it")
    .option("--schedule <id>", "the schedule whose ticks are meant, where there are several")
    .option("--every <duration>", "ticks so far apart, in place of a schedule's: 1d")
    .option("--timezone <zone>", "in which dates are meant, where no schedule says it (UTC)")
    .option("--values <file>", "inputs of each run: a list in YAML or JSON, or one JSON object a line; - is stdin")
    .option("-i, --input <key=value>", "an input of every run; may be repeated", collect, [])
    .option("--max-parallel <n>", "runs that go on at once (4)", wholeNumber(1, 100))
    .option("--order <order>", "asc (default) or desc: newest first", order)
    .option("--skip-existing", "no run for a tick that has one")
    .option("--dry-run", "count the runs, start none")
    .addHelpText(
      "before",
      "Examples:\n  capstan backfills start report --from 2026-05-01 --to 2026-06-01 --dry-run\n  capstan backfills start import --values customers.json --max-parallel 8\n",
    )
    .action(async (workflow: string, flags: StartFlags, command: Command) => {
      const ctx = context(command);
      const planned = await ctx.client().call("backfillStart", { body: await bodyOf(ctx, workflow, flags) });
      ctx.out.one(planned, planned.backfill ?? String(planned.count), () =>
        planned.backfill === null ? plannedText(planned) : `${plannedText(planned)}${planned.backfill} has begun\n`,
      );
      if (flags.dryRun === true && planned.count > 0)
        ctx.out.hint("nothing is started yet; repeat it without --dry-run");
    });
  for (const [name, summary] of [
    ["pause", "start no more runs of it; those that go on do"],
    ["cancel", "start no more runs of it, and cancel those that go on"],
  ] as const) {
    backfills
      .command(name)
      .summary(summary)
      .argument("<backfill>", "bf_…")
      .option("--reason <text>", "why; shown with the backfill")
      .action(async (backfill: string, flags: { readonly reason?: string }, command: Command) => {
        const ctx = context(command);
        const route = name === "pause" ? "backfillPause" : "backfillCancel";
        const steered = await ctx.client().call(route, { params: { backfill }, body: flags });
        ctx.out.list([steered], steeredColumns, (one) => one.backfill);
      });
  }
  backfills
    .command("resume")
    .summary("let a paused backfill go on")
    .argument("<backfill>", "bf_…")
    .action(async (backfill: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const steered = await ctx.client().call("backfillResume", { params: { backfill } });
      ctx.out.list([steered], steeredColumns, (one) => one.backfill);
    });
  backfills
    .command("retry")
    .summary("retry what failed in one that has ended, by a new backfill")
    .argument("<backfill>", "bf_…")
    .action(async (backfill: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const planned = await ctx.client().call("backfillRetry", { params: { backfill } });
      ctx.out.one(
        planned,
        planned.backfill ?? "",
        () => `${planned.count} runs are retried by ${planned.backfill ?? ""}\n`,
      );
    });
}
