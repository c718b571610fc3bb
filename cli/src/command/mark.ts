import { Argument, type Command } from "commander";
import { AppError, type MarkBody, type RetryBody } from "@capstan/proto";
import { collect } from "../collect.ts";
import type { Context } from "../context.ts";
import { readMap } from "../inputs.ts";
import { steeredColumns } from "../output/run-columns.ts";
import { resolveReference } from "../run-lookup.ts";

const markStates = ["succeeded", "failed", "skipped"] as const;
type MarkState = (typeof markStates)[number];

const isMarkState = (text: string): text is MarkState => markStates.some((state) => state === text);
/** `load=succeeded` and the like, with one reason for all. @throws usage */
export function readMarks(pairs: readonly string[], reason: string | undefined): RetryBody["mark"] {
  if (pairs.length === 0) return undefined;
  if (reason === undefined) throw new AppError("usage", "--mark needs --reason: it is kept with the task");
  return Object.fromEntries(
    pairs.map((pair) => {
      const [task = "", state = "", ...rest] = pair.split("=");
      if (task === "" || rest.length > 0 || !isMarkState(state))
        throw new AppError("usage", `--mark ${pair} is not written TASK=${markStates.join("|")}`);
      return [task, { state, reason }];
    }),
  );
}

/** Outputs of the file first, then the single ones over them: JSON where it is JSON, else text. @throws usage */
function readOutputs(pairs: readonly string[], file: string | undefined): MarkBody["outputs"] {
  if (pairs.length === 0 && file === undefined) return undefined;
  const outputs: Record<string, unknown> = file === undefined ? {} : { ...readMap(file, "outputs") };
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at <= 0) throw new AppError("usage", `--output ${pair} is not written key=value`);
    outputs[pair.slice(0, at)] = jsonOrText(pair.slice(at + 1));
  }
  return outputs as MarkBody["outputs"]; // JSON, all of it
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

interface MarkFlags {
  readonly reason: string;
  readonly output: readonly string[];
  readonly outputs?: string;
}

/** `capstan mark`: end a task that has not ended by your word. */
export function registerMark(program: Command, context: (command: Command) => Context): void {
  program
    .command("mark")
    .summary("end a task by your word")
    .argument("<ref>", "RUN/TASK")
    .addArgument(new Argument("<state>").choices(markStates))
    .requiredOption("--reason <text>", "why; kept with the task and in the audit trail")
    .option("--output <key=value>", "an output, as JSON or as text; may be repeated", collect, [])
    .option("--outputs <file>", "outputs as YAML or JSON; - is stdin")
    .addHelpText(
      "before",
      "Examples:\n  capstan mark nightly-42/load succeeded --reason 'loaded by hand' --output rows=12\n",
    )
    .action(async (text: string, state: MarkState, flags: MarkFlags, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const { run, task } = await resolveReference(client, text);
      if (task === undefined) throw new AppError("usage", `${text} is a run; say which task: capstan mark ${run}/TASK`);
      const outputs = readOutputs(flags.output, flags.outputs);
      const done = await client.call("taskMark", {
        params: { run, task },
        body: { state, reason: flags.reason, ...(outputs === undefined ? {} : { outputs }) },
      });
      ctx.out.list([done], steeredColumns, (one) => one.run);
    });
}
