// `capstan`: commands, their errors, and how they leave.
//  L1. Every failure leaves with a sentence on stderr, a code in grey, the next step, and the exit code of the surface.
//  L2. Where stdout carries JSON, a failure is there too, as a problem document.
import { realpathSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { registerAgent } from "./command/agent.ts";
import { registerAgents } from "./command/agents.ts";
import { registerApi } from "./command/api.ts";
import { registerApprovals } from "./command/approvals.ts";
import { registerAudit } from "./command/audit.ts";
import { registerBackfills } from "./command/backfills.ts";
import { registerBuild } from "./command/build.ts";
import { registerCancel } from "./command/cancel.ts";
import { registerDeploy } from "./command/deploy.ts";
import { registerDev } from "./command/dev.ts";
import { registerDiff } from "./command/diff.ts";
import { registerDoctor } from "./command/doctor.ts";
import { registerExplain } from "./command/explain.ts";
import { registerInit, registerNew } from "./command/init.ts";
import { registerLimits } from "./command/limits.ts";
import { registerVars } from "./command/vars.ts";
import { registerSchedules } from "./command/schedules.ts";
import { registerLogin } from "./command/login.ts";
import { registerLogs } from "./command/logs.ts";
import { registerMembers } from "./command/members.ts";
import { registerOpen } from "./command/open.ts";
import { registerMark } from "./command/mark.ts";
import { registerPause } from "./command/pause.ts";
import { registerPools } from "./command/pools.ts";
import { registerProfile } from "./command/profile.ts";
import { registerProjects } from "./command/projects.ts";
import { registerQueue } from "./command/queue.ts";
import { registerRerun, registerRetry } from "./command/retry.ts";
import { registerRun } from "./command/run.ts";
import { registerRuns } from "./command/runs.ts";
import { registerSchema } from "./command/schema.ts";
import { registerStatus } from "./command/status.ts";
import { registerSync } from "./command/sync.ts";
import { registerTest } from "./command/test.ts";
import { registerTokens } from "./command/tokens.ts";
import { registerUsers } from "./command/users.ts";
import { registerValidate } from "./command/validate.ts";
import { registerWaits } from "./command/waits.ts";
import { registerEndpoints } from "./command/endpoints.ts";
import { registerWebhooks } from "./command/webhooks.ts";
import { registerVersion } from "./command/version.ts";
import { registerWorkflows } from "./command/workflows.ts";
import { addCompletion } from "./completion.ts";
import { makeContext, type Context, type GlobalOptions } from "./context.ts";
import { exitCodeOf, exitCodes } from "./exit-code.ts";
import { addExamples } from "./help-examples.ts";
import { withNextStep } from "./next-step.ts";
import { tell, toldText } from "./told.ts";
import { usageError } from "./usage.ts";

const contextOf = (command: Command): Context => makeContext(command.optsWithGlobals<GlobalOptions>());

/** The whole command line, not yet parsed. */
export function makeProgram(): Command {
  const program = new Command("capstan")
    .description(
      "Capstan, a workflow orchestrator: a control plane that decides, agents that execute where the data is.",
    )
    .option("--server <url>", "control plane; else CAPSTAN_SERVER, else the one that runs here")
    .option("--project <name>", "project (default)")
    .option("--profile <name>", "server by the name that `capstan login` or `capstan profile set` gave it")
    .option("--data <dir>", "data folder of the capstan dev to talk to")
    .option("--token-file <file>", "file with the token")
    .option("-o, --output <format>", "table, wide, json, jsonl, yaml, name or tsv")
    .option("--json <fields>", "these fields as JSON: id,state")
    .option("--color", "colour also where this is no terminal")
    .option("--no-color", "no colour")
    .option("--ascii", "no symbols beyond ASCII")
    .option("--no-input", "never ask")
    .option("-y, --yes", "do what would be asked about")
    .option("--debug", "stack traces")
    .addHelpText("before", "Examples:\n  capstan dev\n  capstan run hello --watch\n  capstan explain @last-failed\n")
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .showSuggestionAfterError(false)
    .exitOverride();
  const registrations = [
    registerDev,
    registerInit,
    registerNew,
    registerValidate,
    registerBackfills,
    registerBuild,
    registerTest,
    registerDiff,
    registerDeploy,
    registerSync,
    registerRun,
    registerLogs,
    registerStatus,
    registerExplain,
    registerRetry,
    registerRerun,
    registerCancel,
    registerPause,
    registerMark,
    registerApprovals,
    registerWaits,
    registerWebhooks,
    registerEndpoints,
    registerRuns,
    registerWorkflows,
    registerAgents,
    registerAgent,
    registerPools,
    registerQueue,
    registerLimits,
    registerProjects,
    registerUsers,
    registerMembers,
    registerTokens,
    registerAudit,
    registerVars,
    registerSchedules,
    registerOpen,
    registerLogin,
    registerProfile,
    registerApi,
    registerSchema,
    registerDoctor,
    registerVersion,
  ];
  for (const register of registrations) register(program, contextOf);
  for (const command of allCommands(program)) describe(command);
  addCompletion(program);
  addExamples(program);
  for (const command of allCommands(program)) quiet(command);
  return program;
}

const allCommands = (command: Command): Command[] => [command, ...command.commands.flatMap(allCommands)];

/** A command without a description of its own is described by its summary. */
function describe(command: Command): void {
  const summary = command.summary();
  if (command.description() === "" && summary !== "")
    command.description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`).summary(summary);
}

/** Commander throws; the words are ours. */
function quiet(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => {} });
}

function report(program: Command, error: unknown, argv: readonly string[]): number {
  const told = withNextStep(tell(error), program, argv);
  const isJson = argv.some(
    (word, i) =>
      /^--json(?:=|$)|^-ojsonl?$|^--output=jsonl?$/.test(word) ||
      ((word === "-o" || word === "--output") && /^jsonl?$/.test(argv[i + 1] ?? "")),
  );
  if (isJson) process.stdout.write(JSON.stringify(told.document) + "\n");
  const isPlain = !process.stderr.isTTY;
  const grey = (text: string): string => (isPlain ? text : `\u001b[90m${text}\u001b[39m`);
  process.stderr.write(`${toldText(told, grey)}\n`);
  if (argv.includes("--debug") && error instanceof Error)
    process.stderr.write(`${error.stack ?? ""}\n${error.cause instanceof Error ? (error.cause.stack ?? "") : ""}\n`);
  return exitCodeOf(told.code, told.status);
}

/** Runs one command line and gives its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = makeProgram();
  try {
    await program.parseAsync([...argv], { from: "user" });
    return Number(process.exitCode ?? exitCodes.done);
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(program, error, argv);
    if (error.exitCode === 0 || error.code === "commander.helpDisplayed" || error.code === "commander.version")
      return exitCodes.done;
    if (error.code === "commander.help") return exitCodes.usage;
    return report(program, usageError(program, error, argv), argv);
  }
}

if (process.argv[1] !== undefined && import.meta.filename === realpathSync(process.argv[1])) {
  // A reader that goes away (`capstan runs list | head -1`) is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  process.exitCode = await main(process.argv.slice(2));
}
