import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { AppError, readWorkflow } from "@capstan/proto";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import type { Column } from "../output/table.ts";
import { isRefused, noSources, problemsOf, readSources, type WorkflowSource } from "../project/sources.ts";

interface Row {
  readonly file: string;
  readonly workflow: string;
  /** Of the document alone; a deploy adds the digest of the code. */
  readonly digest: string;
  readonly functions: number;
  readonly bundle: string;
  readonly bytes: number;
}

const columns: readonly Column<Row>[] = [
  { title: "FILE", key: "file", value: (row) => row.file },
  { title: "WORKFLOW", key: "workflow", value: (row) => row.workflow },
  { title: "DIGEST", key: "digest", value: (row) => row.digest.replace("sha256:", "").slice(0, 12) },
  { title: "FUNCTIONS", key: "functions", value: (row) => String(row.functions), align: "right" },
  { title: "BUNDLE", key: "bundle", value: (row) => (row.bundle === "" ? "–" : row.bundle.slice(0, 27)) },
  { title: "BYTES", key: "bytes", value: (row) => (row.bytes === 0 ? "–" : String(row.bytes)), align: "right" },
];

function rowOf(source: WorkflowSource): Row {
  const { document, digest = "" } = readWorkflow({ text: source.source });
  const [bundled] = source.bundled;
  const actions = Object.values(document?.tasks ?? {}).map((task) => task.action);
  return {
    file: source.file,
    workflow: document?.name ?? "",
    digest,
    functions: actions.filter((action) => "node" in action && action.node.entry !== undefined).length,
    bundle: bundled?.path ?? "",
    bytes: bundled?.content.length ?? 0,
  };
}

function write(folder: string, source: WorkflowSource, workflow: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${workflow}.json`), source.source);
  for (const { path, content } of source.bundled) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** `capstan build`: what a deploy would send, without sending it. */
export function registerBuild(program: Command, context: (command: Command) => Context): void {
  program
    .command("build")
    .summary("run workflows that are programs, and bundle their functions, without a control plane")
    .argument("[path...]", "files or folders (./workflows)")
    .option("--out <folder>", "write documents and bundles there")
    .addHelpText("before", "Examples:\n  capstan build\n  capstan build workflows/report.ts --out dist\n")
    .action(async (paths: readonly string[], flags: { readonly out?: string }, command: Command) => {
      const ctx = context(command);
      const sources = await readSources(paths.length > 0 ? paths : ["workflows"], ctx.cwd);
      if (sources.length === 0) throw noSources();
      const problems = sources.flatMap((source) => problemsOf(source, ctx.cwd));
      const [first] = problems.filter((problem) => problem.severity !== "warning");
      if (first !== undefined || sources.some(isRefused))
        throw new AppError("spec_invalid", first?.detail ?? "", { problems });
      const rows = sources.map(rowOf);
      const { out } = flags;
      if (out !== undefined)
        for (const [i, source] of sources.entries()) write(resolve(ctx.cwd, out), source, rows[i]?.workflow ?? "");
      ctx.out.list(rows, columns, (row) => row.workflow);
    });
}
