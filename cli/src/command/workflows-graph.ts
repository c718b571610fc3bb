import { graphOf, type CanonicalWorkflow } from "@capstan/proto";
import { Option, type Command } from "commander";
import type { Client } from "../api/client.ts";
import type { Context } from "../context.ts";
import { asciiGraph, dotGraph, graphFormats, mermaidGraph, type GraphFormat, type GraphTask } from "../output/graph.ts";

interface GraphFlags {
  readonly format?: GraphFormat;
  readonly version?: string;
}

/** `capstan workflows graph`: which task needs which. */
export function addWorkflowsGraph(workflows: Command, context: (command: Command) => Context): void {
  workflows
    .command("graph")
    .summary("which task needs which, as text, Mermaid, Graphviz or JSON")
    .argument("<workflow>")
    .addOption(new Option("--format <form>", "ascii on a terminal, else json, unless said").choices(graphFormats))
    .option("--version <v>", "number or digest of a version; the deployed one unless said")
    .addHelpText(
      "before",
      "Examples:\n  capstan workflows graph nightly\n  capstan workflows graph nightly --format dot | dot -Tsvg > nightly.svg\n",
    )
    .action(async (workflow: string, flags: GraphFlags, command: Command) => {
      const ctx = context(command);
      const { out } = ctx;
      const tasks = await tasksOf(ctx.client(), workflow, flags.version);
      const format = flags.format ?? (out.isForPeople ? "ascii" : "json");
      if (format === "ascii") out.data(asciiGraph(tasks, out.isAscii));
      else if (format === "mermaid") out.data(mermaidGraph(tasks));
      else if (format === "dot") out.data(dotGraph(workflow, tasks));
      else if (out.isForPeople) out.data(`${JSON.stringify({ workflow, tasks }, null, 2)}\n`);
      else out.one({ workflow, tasks }, workflow, () => "");
    });
}

async function tasksOf(client: Client, workflow: string, version: string | undefined): Promise<readonly GraphTask[]> {
  const deployed = await client.call("workflowGet", { params: { workflow } });
  if (version === undefined) return deployed.tasks;
  const found = await client.call("versionGet", { params: { workflow, version } });
  const document = found.document as unknown as CanonicalWorkflow; // written by deploy from a checked document
  const { needs } = graphOf(document);
  const known = new Map(deployed.tasks.map((one) => [one.task, one]));
  return Object.keys(document.tasks).map((task) => ({
    task,
    title: null,
    action: known.get(task)?.action ?? "",
    needs: needs.get(task) ?? [],
  }));
}
