import type { CanonicalWorkflow, VersionRow, WorkflowView } from "@capstan/proto";
import type { Command } from "commander";
import { confirmName } from "../confirm.ts";
import type { Context } from "../context.ts";
import { pausedColumns } from "../output/run-columns.ts";
import type { Column } from "../output/table.ts";
import { documentYaml } from "../project/changes.ts";
import { problemLine } from "../project/deploy.ts";
import { addWorkflowsGraph } from "./workflows-graph.ts";

const columns: readonly Column<WorkflowView>[] = [
  { title: "WORKFLOW", key: "name", value: (row) => row.name },
  { title: "VERSION", key: "version", value: (row) => String(row.version), align: "right" },
  { title: "DIGEST", key: "digest", value: (row) => row.digest.replace("sha256:", "").slice(0, 12) },
  { title: "DEPLOYED", key: "deployedAt", value: (row) => row.deployedAt },
  { title: "BY", key: "deployedBy", value: (row) => row.deployedBy },
  {
    title: "PAUSED",
    key: "pause",
    value: ({ pause }) => (pause === null ? "" : `by ${pause.actor}${pause.reason === "" ? "" : `: ${pause.reason}`}`),
  },
  { title: "OWNER", key: "owner", value: (row) => row.owner ?? "", isWide: true },
  { title: "TITLE", key: "title", value: (row) => row.title ?? "", isWide: true },
];

const versionColumns: readonly Column<VersionRow>[] = [
  { title: "VERSION", key: "version", value: (row) => String(row.version), align: "right" },
  { title: "ACTIVE", key: "active", value: (row) => (row.active ? "yes" : "") },
  { title: "DIGEST", key: "digest", value: (row) => row.digest.replace("sha256:", "").slice(0, 12) },
  { title: "CREATED", key: "createdAt", value: (row) => row.createdAt },
  { title: "BY", key: "createdBy", value: (row) => row.createdBy },
  { title: "FILE", key: "sourceFile", value: (row) => row.sourceFile },
];

/** `capstan workflows`: list and show them, pause them and let them go on. */
export function registerWorkflows(program: Command, context: (command: Command) => Context): void {
  const workflows = program
    .command("workflows")
    .summary("list, show and draw deployed workflows; pause them, roll back");
  workflows
    .command("list")
    .summary("deployed workflows")
    .action(async (_flags: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("workflowList", { query: { limit: 500 } });
      ctx.out.list(page.data, columns, (row) => row.name, page);
    });
  workflows
    .command("pause")
    .summary("new runs wait, runs that have begun go on; the same as capstan pause")
    .argument("<workflow>")
    .option("--reason <text>", "why; kept with the workflow")
    .action(async (workflow: string, flags: { readonly reason?: string }, command: Command) => {
      const ctx = context(command);
      const body = flags.reason === undefined ? {} : { reason: flags.reason };
      const done = await ctx.client().call("workflowPause", { params: { workflow }, body });
      ctx.out.list([done], pausedColumns, (one) => one.workflow);
    });
  workflows
    .command("resume")
    .summary("runs that wait begin; the same as capstan resume")
    .argument("<workflow>")
    .action(async (workflow: string, _flags: object, command: Command) => {
      const ctx = context(command);
      const done = await ctx.client().call("workflowResume", { params: { workflow } });
      ctx.out.list([done], pausedColumns, (one) => one.workflow);
    });
  workflows
    .command("versions")
    .summary("versions of a workflow, newest first")
    .argument("<workflow>")
    .action(async (workflow: string, _flags: object, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("versionList", { params: { workflow }, query: { limit: 100 } });
      ctx.out.list(page.data, versionColumns, (row) => String(row.version), page);
    });
  workflows
    .command("rollback")
    .summary("deploy an earlier version again; runs that have begun keep theirs")
    .argument("<workflow>")
    .requiredOption("--version <v>", "number or digest, as `capstan workflows versions` shows them")
    .requiredOption("--reason <text>", "why; kept in the history of deploys")
    .addHelpText("before", 'Examples:\n  capstan workflows rollback daily --version 3 --reason "empty file again"\n')
    .action(
      async (workflow: string, flags: { readonly version: string; readonly reason: string }, command: Command) => {
        const ctx = context(command);
        const done = await ctx.client().call("workflowRollback", { params: { workflow }, body: flags });
        const [row] = done.workflows;
        ctx.out.one(done, workflow, () => `${workflow} is at version ${row?.version ?? flags.version}\n`);
        for (const warning of row?.warnings ?? []) ctx.out.talk(`! ${problemLine(warning)}`);
      },
    );
  workflows
    .command("delete")
    .summary("retire a workflow that no other one starts or listens to; its runs and versions stay")
    .argument("<workflow>")
    .addHelpText("before", "Examples:\n  capstan workflows delete old_report\n")
    .action(async (workflow: string, _flags: object, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const params = { workflow };
      await confirmName(ctx, {
        deed: `Retire the workflow ${workflow}`,
        effect: "Nothing starts it any more, its schedules and webhooks included; runs and versions stay.",
        name: workflow,
      });
      const seen = await client.seen("workflowGet", { params });
      await client.call("workflowDelete", { params, seen });
      ctx.out.talk(`${workflow} is retired; \`capstan deploy\` brings it back`);
    });
  workflows
    .command("show")
    .summary("the document of a workflow, as YAML that gives the same digest")
    .argument("<workflow>")
    .option("--version <v>", "number or digest of a version; the deployed one unless said")
    .addHelpText(
      "before",
      "Examples:\n  capstan workflows show hello -o yaml > hello.yaml\n  capstan workflows show hello --version 3\n",
    )
    .action(async (workflow: string, flags: { readonly version?: string }, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const version = flags.version ?? (await client.call("workflowGet", { params: { workflow } })).digest;
      const found = await client.call("versionGet", { params: { workflow, version } });
      const document = found.document as unknown as CanonicalWorkflow; // written by deploy from a checked document
      if (ctx.out.format === "yaml" || ctx.out.isForPeople) ctx.out.data(documentYaml(document));
      else ctx.out.one(found, workflow, () => "");
      ctx.out.hint(
        `version ${found.version}  ${found.digest}${found.bundleSha256 === null ? "" : `  code ${found.bundleSha256.slice(0, 12)}`}`,
      );
    });
  addWorkflowsGraph(workflows, context);
}
