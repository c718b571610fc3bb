// What a deploy came to, for people and as a list.
import type { DeployedWorkflow, DeployView } from "@capstan/proto";
import { problemLine } from "../project/deploy.ts";
import type { Output } from "./output.ts";
import { printable, type Column } from "./table.ts";

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

type Row = DeployView["workflows"][number];

/** Workflows on standard output; warnings, places and the sum beside it. */
export function showDeployed(out: Output, done: DeployView): void {
  const columns: readonly Column<Row>[] = [
    { title: "WORKFLOW", key: "workflow", value: (row) => row.workflow },
    { title: "RESULT", key: "result", value: (row) => row.result },
    { title: "VERSION", key: "version", value: (row) => String(row.version), align: "right" },
    { title: "DIGEST", key: "digest", value: (row) => row.digest.replace("sha256:", "").slice(0, 12) },
    { title: "FILE", key: "file", value: (row) => row.file },
  ];
  out.list(done.workflows, columns, (row) => row.workflow, done);
  for (const row of done.workflows) {
    for (const warning of row.warnings) out.talk(`! ${problemLine(warning)}`);
    for (const place of row.placement) {
      if (place.reason !== null) out.talk(`! ${row.workflow}/${place.task}: ${lackText(place)}`);
      else if (done.dryRun) out.talk(`  ${row.workflow}/${place.task}: ${agentsText(place)}`);
    }
  }
  const count = (result: Row["result"]): number => done.workflows.filter((row) => row.result === result).length;
  if (done.pruned.length > 0)
    out.talk(`${done.dryRun ? "Would retire" : "Retired"} ${done.pruned.map(printable).join(", ")}.`);
  const verb = done.dryRun ? "Would deploy" : "Deployed";
  out.talk(
    `${verb} ${done.workflows.length} ${done.workflows.length === 1 ? "workflow" : "workflows"}: ${count("new")} new, ${count("changed")} changed, ${count("unchanged")} unchanged.`,
  );
}
