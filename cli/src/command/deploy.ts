import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { AppError, type DeployedWorkflow } from "@capstan/proto";
import type { Context } from "../context.ts";
import { printable, type Column } from "../output/table.ts";
import { changesOf, changesText } from "../project/changes.ts";
import { deploy, packSources, problemLine } from "../project/deploy.ts";
import { noSources, readSources } from "../project/sources.ts";

interface DeployFlags {
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly message?: string;
}

type Place = DeployedWorkflow["placement"][number];

/** Why nobody could take a task, and who would be nearest. */
function lackText({ reason, pool, nearest }: Place): string {
  const lacks = nearest === null ? "" : `; the nearest, ${nearest.agent}, lacks ${nearest.lacks}`;
  return printable(`${reason ?? ""} in pool ${pool}${lacks}`);
}

/** Who could take a task. */
function agentsText({ agents, agentsMatching, agentsOnline, dynamic }: Place): string {
  const more = agentsMatching > agents.length ? ` and ${agentsMatching - agents.length} more` : "";
  const online = agentsOnline < agentsMatching ? `, ${agentsOnline} online` : "";
  const asked = dynamic ? " (labels that depend on inputs are asked when it runs)" : "";
  return printable(`${agents.join(", ")}${more}${online}${asked}`);
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
      type Row = (typeof done.workflows)[number];
      const columns: readonly Column<Row>[] = [
        { title: "WORKFLOW", key: "workflow", value: (row) => row.workflow },
        { title: "RESULT", key: "result", value: (row) => row.result },
        { title: "VERSION", key: "version", value: (row) => String(row.version), align: "right" },
        { title: "DIGEST", key: "digest", value: (row) => row.digest.replace("sha256:", "").slice(0, 12) },
        { title: "FILE", key: "file", value: (row) => row.file },
      ];
      ctx.out.list(done.workflows, columns, (row) => row.workflow, done);
      for (const row of done.workflows) {
        for (const warning of row.warnings) ctx.out.talk(`! ${problemLine(warning)}`);
        for (const place of row.placement) {
          if (place.reason !== null) ctx.out.talk(`! ${row.workflow}/${place.task}: ${lackText(place)}`);
          else if (done.dryRun) ctx.out.talk(`  ${row.workflow}/${place.task}: ${agentsText(place)}`);
        }
      }
      const count = (result: Row["result"]): number => done.workflows.filter((row) => row.result === result).length;
      if (done.pruned.length > 0)
        ctx.out.talk(`${done.dryRun ? "Would retire" : "Retired"} ${done.pruned.map(printable).join(", ")}.`);
      const verb = done.dryRun ? "Would deploy" : "Deployed";
      ctx.out.talk(
        `${verb} ${done.workflows.length} ${done.workflows.length === 1 ? "workflow" : "workflows"}: ${count("new")} new, ${count("changed")} changed, ${count("unchanged")} unchanged.`,
      );
    });
}
