import { Option, type Command } from "commander";
import { runStates, type CanonicalWorkflow, type RunState, type RunSummary, type RunView } from "@capstan/proto";
import type { Client } from "../api/client.ts";
import { collect } from "../collect.ts";
import type { Context } from "../context.ts";
import { duration, moment, wholeNumber } from "../flag-value.ts";
import { runColumns, taskColumns } from "../output/run-columns.ts";
import { formatTable } from "../output/table.ts";
import { runTree } from "../output/tree.ts";
import { documentYaml } from "../project/changes.ts";
import { resolveReference } from "../run-lookup.ts";
import { watchRows } from "../watch-rows.ts";
import { addRunsPause } from "./pause.ts";
import { registerRerun } from "./retry.ts";
import { addRunsOutputs } from "./runs-outputs.ts";
import { addRunsWait } from "./runs-wait.ts";

interface ListFlags {
  readonly workflow: readonly string[];
  readonly state: readonly RunState[];
  readonly label: readonly string[];
  readonly input: readonly string[];
  readonly trigger: readonly string[];
  readonly agent: readonly string[];
  readonly error?: string;
  readonly longerThan?: number;
  readonly shorterThan?: number;
  readonly backfill?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
  readonly watch?: boolean;
}

/** `capstan runs list|show`. */
export function registerRuns(program: Command, context: (command: Command) => Context): void {
  const runs = program.command("runs").summary("list runs, show one, wait for it, take its outputs");
  runs
    .command("list")
    .summary("runs, newest first")
    .option("--workflow <name>", "only this workflow; may be repeated", collect, [])
    .addOption(new Option("--state <state...>", "only these states").choices(runStates).default([]))
    .option("--label <key:value>", "only with this label; may be repeated", collect, [])
    .option("--input <key:value>", "only with this value of an input; may be repeated", collect, [])
    .option("--error <words>", "only whose failure has all these words")
    .option("--trigger <kind>", "only asked for by: manual, api, schedule, backfill …; may be repeated", collect, [])
    .option("--agent <name>", "only on which this agent worked; may be repeated", collect, [])
    .option("--longer-than <duration>", "only that took at least so long: 10m", duration("10m"))
    .option("--shorter-than <duration>", "only that took at most so long", duration("10m"))
    .option("--backfill <id>", "only of this backfill")
    .option("--since <time>", "created after a time, or within a duration such as 2h", moment)
    .option("--until <time>", "created before", moment)
    .option("--limit <n>", "how many", wholeNumber(1, 500), 50)
    .option("--cursor <cursor>", "go on after an earlier list")
    .option("--all", "all of them")
    .option("-w, --watch", "go on: redrawn on a terminal, else a line for each change; Ctrl-C ends it")
    .addHelpText(
      "before",
      "Examples:\n  capstan runs list --state failed --since 24h\n  capstan runs list -o name\n  capstan runs list --error 'connection refused' --input customer:42\n",
    )
    .action(async (flags: ListFlags, command: Command) => list(context(command), flags));
  runs
    .command("show")
    .summary("one run with its tasks")
    .argument("<run>", "name, id or @last")
    .option("--tasks", "its tasks as a list")
    .option("--inputs", "its inputs alone")
    .option("--outputs", "its outputs alone")
    .option("--events", "its history")
    .option("--spec", "the document that it runs, as YAML")
    .addHelpText(
      "before",
      "Examples:\n  capstan runs show @last\n  capstan runs show nightly-42 --tasks -o tsv\n  capstan runs show nightly-42 --spec\n",
    )
    .action(async (text: string, flags: ShowFlags, command: Command) => show(context(command), text, flags));
  addRunsWait(runs, context);
  addRunsOutputs(runs, context);
  registerRerun(runs, context);
  addRunsPause(runs, context);
}

async function list(ctx: Context, flags: ListFlags): Promise<void> {
  const client = ctx.client();
  const query = {
    limit: flags.limit,
    ...(flags.workflow.length > 0 ? { workflow: [...flags.workflow] } : {}),
    ...(flags.state.length > 0 ? { state: [...flags.state] } : {}),
    ...(flags.label.length > 0 ? { label: [...flags.label] } : {}),
    ...(flags.input.length > 0 ? { input: [...flags.input] } : {}),
    ...(flags.trigger.length > 0 ? { trigger: [...flags.trigger] } : {}),
    ...(flags.agent.length > 0 ? { agent: [...flags.agent] } : {}),
    ...(flags.error === undefined ? {} : { error: flags.error }),
    ...(flags.longerThan === undefined ? {} : { durationMsMin: flags.longerThan }),
    ...(flags.shorterThan === undefined ? {} : { durationMsMax: flags.shorterThan }),
    ...(flags.backfill === undefined ? {} : { backfill: flags.backfill }),
    ...(flags.since === undefined ? {} : { createdAfter: flags.since }),
    ...(flags.until === undefined ? {} : { createdBefore: flags.until }),
  };
  if (flags.watch === true)
    return watchRows(ctx, {
      look: async () => (await client.call("runList", { query })).data,
      table: (rows) => formatTable(rows, runColumns(ctx.out), undefined, ctx.out.lineWidth),
      keyOf: (run) => run.name,
      stateOf: (run) => run.state,
    });
  const rows: RunSummary[] = [];
  let cursor = flags.cursor;
  do {
    const page = await client.call("runList", { query: { ...query, ...(cursor === undefined ? {} : { cursor }) } });
    rows.push(...page.data);
    cursor = page.nextCursor ?? undefined;
  } while (flags.all === true && cursor !== undefined);
  ctx.out.list(rows, runColumns(ctx.out), (run) => run.name, { data: rows, nextCursor: cursor ?? null });
  if (rows.length === 0)
    ctx.out.hint(Object.keys(query).length > 1 ? "0 runs match." : "No runs yet. capstan run hello");
  else if (cursor !== undefined) ctx.out.hint(`more: --cursor ${cursor}, or --all`);
}

interface ShowFlags {
  readonly tasks?: boolean;
  readonly spec?: boolean;
  readonly inputs?: boolean;
  readonly outputs?: boolean;
  readonly events?: boolean;
}

async function showSpec(ctx: Context, client: Client, run: RunView): Promise<void> {
  const params = { workflow: run.workflow, version: run.digest };
  const found = await client.call("versionGet", { params });
  const document = found.document as unknown as CanonicalWorkflow; // written by deploy from a checked document
  ctx.out.one(found.document, run.workflow, () => documentYaml(document));
}

const pretty = (value: unknown): string => JSON.stringify(value, null, 2) + "\n";

async function show(ctx: Context, text: string, flags: ShowFlags): Promise<void> {
  const client = ctx.client();
  const params = { run: (await resolveReference(client, text)).run };
  if (flags.outputs === true) {
    const outputs = await client.call("outputsGet", { params });
    return ctx.out.one(outputs, outputs.run, () => pretty(outputs.outputs));
  }
  if (flags.events === true) {
    const { data } = await client.call("runEvents", { params, query: { limit: 2000 } });
    const columns = [
      { title: "AT", key: "at", value: (event: (typeof data)[number]) => event.at },
      { title: "WHAT", key: "type", value: (event: (typeof data)[number]) => event.type },
      { title: "TASK", key: "task", value: (event: (typeof data)[number]) => event.task ?? "" },
      {
        title: "CHANGE",
        key: "to",
        value: (event: (typeof data)[number]) => (event.to === undefined ? "" : `${event.from ?? ""} → ${event.to}`),
      },
      { title: "WHY", key: "reason", value: (event: (typeof data)[number]) => event.reason ?? event.actor ?? "" },
    ];
    return ctx.out.list(data, columns, (event) => String(event.seq));
  }
  const run = await client.call("runGet", { params });
  if (flags.inputs === true) return ctx.out.one(run.inputs, run.name, () => pretty(run.inputs));
  if (flags.spec === true) return showSpec(ctx, client, run);
  const tasks = (await client.call("taskList", { params, query: { hooks: true } })).data;
  if (flags.tasks === true) return ctx.out.list(tasks, taskColumns(ctx.out), (task) => `${run.name}/${task.task}`);
  ctx.out.one({ ...run, tasks }, run.name, () => runTree(ctx.out, run, tasks, client.page(`/runs/${run.name}`)));
}
