import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { AppError, formatDuration, readWorkflow, runStates, taskRunStates, type JsonValue } from "@capstan/proto";
import type { Command } from "commander";
import { parse } from "yaml";
import { z } from "zod";
import { collect } from "../collect.ts";
import type { Context } from "../context.ts";
import { exitCodeOfRun } from "../exit-code.ts";
import { readInputs } from "../inputs.ts";
import { taskLine } from "../output/tree.ts";
import { sdkProgram, runProgram, endedWithout } from "../project/front-end.ts";
import { isRefused, noSources, problemsOf, readSources } from "../project/sources.ts";

interface TestFlags {
  readonly input: readonly string[];
  readonly inputs?: string;
  readonly var: readonly string[];
  readonly mock: readonly string[];
  readonly mocks?: string;
  readonly now?: string;
}

const failureSchema = z.looseObject({ class: z.string(), code: z.string(), message: z.string() });
const rehearsedSchema = z.object({
  workflow: z.string(),
  digest: z.string(),
  state: z.enum(runStates),
  outputs: z.record(z.string(), z.json()).optional(),
  failure: failureSchema.extend({ task: z.string() }).optional(),
  tasks: z.record(
    z.string(),
    z.object({
      task: z.string(),
      hook: z.boolean(),
      state: z.enum(taskRunStates),
      attempts: z.number(),
      with: z.record(z.string(), z.json()).optional(),
      outputs: z.record(z.string(), z.json()).optional(),
      failure: failureSchema.optional(),
      reason: z.looseObject({ code: z.string() }).optional(),
      startedMs: z.number().optional(),
      endedMs: z.number().optional(),
    }),
  ),
  startedMs: z.number(),
  endedMs: z.number(),
});
type Rehearsed = z.infer<typeof rehearsedSchema>;
const outcomeSchema = z.union([
  z.object({ rehearsed: rehearsedSchema }),
  z.object({
    wrong: z.object({
      code: z.string(),
      message: z.string(),
      problems: z.array(z.looseObject({ code: z.string(), detail: z.string() })),
    }),
  }),
]);

const isMap = (value: unknown): value is Readonly<Record<string, JsonValue>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Mocks of the file first, then the single ones over them. */
function readMocks(flags: TestFlags, cwd: string): Record<string, JsonValue> {
  const mocks: Record<string, JsonValue> = {};
  if (flags.mocks !== undefined) {
    const path = resolve(cwd, flags.mocks);
    let given: unknown;
    try {
      given = parse(readFileSync(path, "utf8"), { maxAliasCount: 100, merge: false });
    } catch (error) {
      throw new AppError("file_unreadable", `${flags.mocks} is no file of YAML or JSON`, { cause: error });
    }
    if (!isMap(given)) throw new AppError("usage", `${flags.mocks} must hold a map: task and what it gives`);
    Object.assign(mocks, given);
  }
  for (const pair of flags.mock) {
    const at = pair.indexOf("=");
    if (at <= 0) throw new AppError("usage", `--mock ${pair} is not written task=json`);
    try {
      mocks[pair.slice(0, at)] = JSON.parse(pair.slice(at + 1)) as JsonValue; // what JSON.parse yields
    } catch {
      throw new AppError("usage", `--mock ${pair.slice(0, at)}: ${pair.slice(at + 1, at + 60)} is no JSON`);
    }
  }
  const wrong = Object.entries(mocks).find(([, mock]) => !isMap(mock) && !(Array.isArray(mock) && mock.every(isMap)));
  if (wrong !== undefined)
    throw new AppError("usage", `the mock of ${wrong[0]} is a map of outputs, or a list of them: one for each attempt`);
  return mocks;
}

function readVars(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at <= 0) throw new AppError("usage", `--var ${pair} is not written name=value`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function startOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new AppError("usage", `--now ${text} is no time; write 2026-03-29T02:30:00Z`);
  return ms;
}

/** As `capstan status` prints a run; times are virtual. */
function print(ctx: Context, rehearsed: Rehearsed): void {
  const { out } = ctx;
  const at = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
  const tasks = Object.values(rehearsed.tasks);
  const width = Math.max(8, ...tasks.map(({ task }) => task.length));
  const lines = tasks.map((task) =>
    taskLine(
      out,
      {
        task: task.task,
        state: task.state,
        attempts: task.attempts,
        startedAt: at(task.startedMs),
        endedAt: at(task.endedMs),
        dueAt: null,
        // One that succeeded in a later attempt keeps the failure of the one before.
        failure: task.state === "succeeded" ? null : (task.failure ?? null),
        reason: task.reason ?? null,
        needs: [],
        outputs: task.outputs ?? null,
        agent: null,
      },
      width,
      rehearsed.endedMs,
    ),
  );
  const head = `${out.colors.bold(rehearsed.workflow)}  ${out.state(rehearsed.state)}  rehearsed (${rehearsed.digest.replace("sha256:", "").slice(0, 7)})`;
  const { failure, outputs } = rehearsed;
  out.data(
    [
      head,
      ...lines,
      ...(failure === undefined
        ? []
        : [out.tone("red", `  ${failure.task === "" ? "" : `${failure.task}: `}${failure.message}`)]),
      ...(outputs === undefined ? [] : [`outputs ${JSON.stringify(outputs)}`]),
      `${out.isAscii ? "--" : "──"} ${formatDuration(rehearsed.endedMs - rehearsed.startedMs)} of virtual time`,
    ].join("\n") + "\n",
  );
}

async function rehearse(ctx: Context, path: string, flags: TestFlags): Promise<number> {
  const [source, ...more] = await readSources([path], ctx.cwd);
  if (source === undefined) throw noSources();
  if (more.length > 0) throw new AppError("usage", `${path} holds ${more.length + 1} workflows; name the file of one`);
  const problems = problemsOf(source, ctx.cwd);
  const { document } = readWorkflow({ text: source.source });
  if (isRefused(source) || document === undefined)
    throw new AppError("spec_invalid", problems[0]?.detail ?? "", { problems });
  const declarations = { ...document.inputs } as unknown as Readonly<Record<string, JsonValue>>; // declarations are JSON
  const request = {
    text: source.source,
    inputs: readInputs(flags.input, flags.inputs, declarations),
    vars: readVars(flags.var),
    mocks: readMocks(flags, ctx.cwd),
    nowMs: startOf(flags.now),
  };
  const ended = await runProgram(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", sdkProgram("testing/main")],
    {
      cwd: ctx.cwd,
      input: JSON.stringify(request),
    },
  );
  const outcome = outcomeSchema.safeParse(ended.printed === "" ? undefined : JSON.parse(ended.printed));
  if (!outcome.success) throw new AppError("internal", `${endedWithout(ended, "the rehearsal")}\n${ended.errors}`);
  if ("wrong" in outcome.data) {
    const { code, message, problems: found } = outcome.data.wrong;
    throw new AppError(code as "mock_missing", message, { problems: found }); // a code of the catalogue, from our own program
  }
  const { rehearsed } = outcome.data;
  if (ctx.out.isForPeople) print(ctx, rehearsed);
  else ctx.out.one(rehearsed, rehearsed.workflow, () => "");
  return exitCodeOfRun(rehearsed.state);
}

/** `capstan test`: a run without a server, in virtual time, its tasks mocked. */
export function registerTest(program: Command, context: (command: Command) => Context): void {
  program
    .command("test")
    .summary("rehearse a run: no control plane, no agent, virtual time")
    .description(
      "Runs a workflow with the engine that the control plane runs. Tasks do not work: each that gives outputs needs a mock. " +
        'A mock is a map of outputs, or {"$fail": "why"}, {"$skip": true}, {"$after": "2h", …}; a list has one for each attempt. ' +
        "The exit code is the run's: 0 succeeded, 1 failed or timed out, 8 cancelled.",
    )
    .argument("<file>", "one workflow: YAML, TypeScript or Python")
    .option("-i, --input <key=value>", "an input; key=@file takes a file's text; may be repeated", collect, [])
    .option("--inputs <file>", "inputs as YAML or JSON; - is stdin")
    .option("--var <name=value>", "a variable that the workflow reads; may be repeated", collect, [])
    .option("--mock <task=json>", "what a task gives; may be repeated", collect, [])
    .option("--mocks <file>", "mocks as YAML or JSON: task and what it gives")
    .option("--now <time>", "where the virtual clock starts (2026-01-01T00:00:00Z)")
    .addHelpText(
      "before",
      `Examples:\n  capstan test workflows/daily.yaml -i url=https://x.example --mock 'load={"rows": 3}'\n  capstan test workflows/daily.yaml --mocks tests/failing.yaml -o json\n`,
    )
    .action(async (path: string, flags: TestFlags, command: Command) => {
      process.exitCode = await rehearse(context(command), path, flags);
    });
}
