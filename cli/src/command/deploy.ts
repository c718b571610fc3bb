import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { AppError } from "@capstan/proto";
import type { Context } from "../context.ts";
import { showDeployed } from "../output/deployed.ts";
import { changesOf, changesText } from "../project/changes.ts";
import { deploy, packSources } from "../project/deploy.ts";
import { noSources, readSources } from "../project/sources.ts";

interface DeployFlags {
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly message?: string;
}

/** One file is no picture of a project: all others would be retired. */
function refuseFiles(paths: readonly string[], cwd: string): void {
  const file = paths.find((path) => !statSync(resolve(cwd, path), { throwIfNoEntry: false })?.isDirectory());
  if (file !== undefined)
    throw new AppError("usage", `--prune retires what is not given, so it takes folders; ${file} is none`);
}

/** `capstan deploy`: workflow files and their code to the control plane, all or none. */
export function registerDeploy(program: Command, context: (command: Command) => Context): void {
  program
    .command("deploy")
    .summary("deploy workflows: all of them or none")
    .argument("[path...]", "files or folders (./workflows)")
    .option("--dry-run", "say what would change, and which agents could take each task")
    .option("--prune", "retire deployed workflows that are not in the folders; their runs go on and stay")
    .option("-m, --message <text>", "kept in the history of deploys")
    .addHelpText(
      "before",
      "Examples:\n  capstan deploy\n  capstan deploy workflows/daily.yaml --dry-run\n  capstan deploy --prune --dry-run\n",
    )
    .action(async (paths: readonly string[], flags: DeployFlags, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      if (flags.prune === true) refuseFiles(paths, ctx.cwd);
      const sources = await readSources(paths.length > 0 ? paths : ["workflows"], ctx.cwd);
      if (sources.length === 0) throw noSources();
      const packed = packSources(sources, ctx.cwd);
      // Before anything is changed; what has problems is told by the deploy itself.
      const changes = await changesOf(client, packed);
      const told = changesText(ctx.out, changes).trimEnd();
      if (told !== "") ctx.out.talk(told);
      const done = await deploy(client, packed, {
        cwd: ctx.cwd,
        ...(flags.dryRun === true ? { dryRun: true } : {}),
        ...(flags.prune === true ? { prune: true } : {}),
        ...(flags.message === undefined ? {} : { message: flags.message }),
      });
      showDeployed(ctx.out, done);
    });
}
